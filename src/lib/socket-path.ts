/** Bytes of a path that fit into `sun_path`: 104 on macOS, 108 on Linux, the last one a NUL. */
export const maxSocketPath: number = 103

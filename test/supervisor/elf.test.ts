import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { assert as check, constantFrom, property, nat, uint8Array } from 'fast-check'
import { inspectBinary } from '../../src/supervisor/elf.ts'

const here = { platform: 'linux', arch: 'x64' }

/** An ELF header as a linker writes it, with one loaded segment and the section table at the end. */
function elf(machine: number, { type = 2, size = 4096, wide = true } = {}): Buffer {
  const head = Buffer.alloc(size)
  head.writeUInt32BE(0x7f454c46, 0)
  head.set([wide ? 2 : 1, 1, 1], 4)
  head.writeUInt16LE(type, 16)
  head.writeUInt16LE(machine, 18)
  if (!wide) return head
  head.writeBigUInt64LE(64n, 32)
  head.writeBigUInt64LE(BigInt(size - 128), 40)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(1, 56)
  head.writeUInt16LE(64, 58)
  head.writeUInt16LE(2, 60)
  head.writeUInt32LE(1, 64)
  head.writeBigUInt64LE(2048n, 64 + 32)
  return head
}

test('a program of this machine fits', () => {
  assert.deepEqual(inspectBinary(elf(62), 4096, here), { kind: 'fits', loader: null })
  assert.equal(inspectBinary(elf(3, { wide: false }), 4096, here)?.kind, 'fits')
})

test('a program of another machine, another system or no program at all is named', () => {
  const reason = (bytes: Buffer, machine = here): string => {
    const verdict = inspectBinary(bytes, 4096, machine)
    return verdict?.kind === 'wrong' ? verdict.reason : assert.fail(JSON.stringify(verdict))
  }
  assert.equal(reason(elf(183)), 'built for aarch64, this machine is x86-64')
  assert.equal(reason(elf(62), { platform: 'linux', arch: 'arm64' }), 'built for x86-64, this machine is aarch64')
  assert.equal(reason(elf(9999)), 'built for machine type 9999, this machine is x86-64')
  assert.equal(reason(elf(62), { platform: 'darwin', arch: 'x64' }), 'built for Linux, this machine runs macOS')
  assert.match(reason(elf(62, { type: 1 })), /^an object file, not a program/)
  assert.equal(reason(mach(0x0100000c)), 'built for macOS on arm64, this machine runs Linux on x86-64')
  assert.equal(
    reason(fat(0x01000007, 0x0100000c)),
    'built for macOS on x86-64 and arm64, this machine runs Linux on x86-64',
  )
  assert.equal(reason(mach(0x0100000c), { platform: 'darwin', arch: 'x64' }), 'built for arm64, this machine is x86-64')
  assert.match(reason(Buffer.from('MZ'.padEnd(64, '\0'))), /^a Windows program/)
})

test('Apple silicon runs its own programs, universal ones and, through Rosetta, those of Intel', () => {
  for (const bytes of [mach(0x0100000c), mach(0x01000007), fat(0x01000007, 0x0100000c)]) {
    assert.equal(inspectBinary(bytes, 4096, { platform: 'darwin', arch: 'arm64' })?.kind, 'fits')
  }
})

test('a program that ends before its headers say is truncated, wherever it is cut', () => {
  const whole = elf(62)
  check(
    property(nat(whole.length - 1), (size) => {
      const verdict = inspectBinary(whole.subarray(0, size), size, here)
      assert.equal(verdict?.kind ?? 'none', size < 4 ? 'none' : 'truncated')
    }),
  )
})

test('a Java class, text and nothing are no programs', () => {
  const javaClass = Buffer.from([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65])
  for (const bytes of [javaClass, Buffer.from('#!/bin/sh\n'), Buffer.alloc(0)])
    assert.equal(inspectBinary(bytes, 8, here), null)
})

test('no bytes behind a magic number can break it', () => {
  const magic = constantFrom(
    [0x7f, 0x45, 0x4c, 0x46, 2, 1],
    [0x7f, 0x45, 0x4c, 0x46, 1, 2],
    [0xca, 0xfe, 0xba, 0xbe],
    [0xcf, 0xfa, 0xed, 0xfe],
  )
  check(
    property(magic, uint8Array({ maxLength: 600, size: 'max' }), nat(), (first, rest, size) => {
      inspectBinary(Buffer.from([...first, ...rest]), size, here)
    }),
  )
})

test('the program that runs this test fits this machine', async () => {
  const bytes = await readFile(process.execPath)
  const verdict = inspectBinary(bytes.subarray(0, 4096), bytes.length, process)
  assert.equal(verdict?.kind, 'fits')
  if (process.platform === 'linux') assert.match((verdict.kind === 'fits' && verdict.loader) || '', /^\/.*ld/)
})

function mach(cpu: number): Buffer {
  const head = Buffer.alloc(64)
  head.writeUInt32BE(0xcffaedfe, 0)
  head.writeUInt32LE(cpu, 4)
  return head
}

function fat(...cpus: number[]): Buffer {
  const head = Buffer.alloc(64)
  head.writeUInt32BE(0xcafebabe, 0)
  head.writeUInt32BE(cpus.length, 4)
  for (const [index, cpu] of cpus.entries()) head.writeUInt32BE(cpu, 8 + index * 20)
  return head
}

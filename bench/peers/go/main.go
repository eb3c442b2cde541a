// A gateway as one writes it with Go's standard library: httputil.ReverseProxy behind a token check.
//
//	main PORT UPSTREAM APPS TOKEN [LOGFILE]
package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	port, upstream, token := os.Args[1], os.Args[2], sha256.Sum256([]byte(os.Args[4]))
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:" + upstream}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 1024, DisableCompression: true}
	// Clients that leave are no news to a bench.
	proxy.ErrorLog = log.New(os.Stderr, "", 0)

	apps := make(map[string]http.Handler, count)
	for i := 1; i <= count; i++ {
		name := fmt.Sprintf("app%d", i)
		apps[name] = http.StripPrefix("/api/"+name, proxy)
	}
	var lines *log.Logger
	if len(os.Args) > 5 {
		file, err := os.Create(os.Args[5])
		if err != nil {
			log.Fatal(err)
		}
		lines = log.New(file, "", log.LstdFlags)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := sha256.Sum256([]byte(r.Header.Get("X-API-Token")))
		if subtle.ConstantTimeCompare(given[:], token[:]) != 1 {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
		app, ok := apps[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if lines == nil {
			app.ServeHTTP(w, r)
			return
		}
		from, method, uri := time.Now(), r.Method, r.RequestURI
		app.ServeHTTP(w, r)
		lines.Printf("%s %s %s %s %s", r.RemoteAddr, method, uri, name, time.Since(from))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, handler))
}

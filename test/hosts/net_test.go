// Package hosts attacks every way out of this program that speaks HTTP, and the one that speaks SMTP: redirects, other
// hosts and ports, spellings of addresses, names that lead elsewhere, certificates that must not be believed. What listens
// is real, on loopback, and writes down every byte; names are answered by a resolver of ours, which writes down every
// question.
package hosts

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	listedIP = "127.0.0.1"
	evilIP   = "127.0.0.66" // everything that is not listed
	listed   = "vendor.example"
	canary   = "cAnArY0123456789abcdef" // in each of the materials, addresses and messages that are sent
)

// ear is one listener. It keeps what it read, after decryption where there was any.
type ear struct {
	mu     sync.Mutex
	conns  int
	heard  bytes.Buffer
	asked  int // requests
	answer http.HandlerFunc
	addr   string // host:port
	close  func()
}

func (e *ear) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard.Write(p)
}

// reset forgets what was heard, for the next case.
func (e *ear) reset(answer http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns, e.asked, e.answer = 0, 0, answer
	e.heard.Reset()
}

func (e *ear) port() string { _, port, _ := net.SplitHostPort(e.addr); return port }

// was reports how many connections and requests there were, and what was heard.
func (e *ear) was() (conns, asked int, heard string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.conns, e.asked, e.heard.String()
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.Header.Write(e)
	fmt.Fprintf(e, "%s %s %s\n", r.Method, r.Host, r.URL)
	_, _ = io.Copy(e, r.Body)
	e.mu.Lock()
	e.asked++
	answer := e.answer
	e.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// tapped writes down what comes in on a connection, encrypted or not.
type tapped struct {
	net.Conn
	to *ear
}

func (c tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_, _ = c.to.Write(p[:n])
	return n, err
}

type tapping struct {
	net.Listener
	to *ear
}

func (l tapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.to.mu.Lock()
	l.to.conns++
	l.to.mu.Unlock()
	return tapped{c, l.to}, nil
}

// listen opens an ear at ip; with TLS unless config is nil.
func listen(t testing.TB, ip string, config *tls.Config) *ear {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	e := &ear{addr: l.Addr().String()}
	s := &http.Server{Handler: e, ErrorLog: log.New(io.Discard, "", 0)}
	var on net.Listener = tapping{l, e}
	if config != nil {
		on = tls.NewListener(on, config)
	}
	go func() { _ = s.Serve(on) }()
	e.close = func() { _ = s.Close() }
	t.Cleanup(e.close)
	return e
}

// leaks says in which form a canary, or anything that only the listed host may see, is in what was heard.
func leaks(heard string) string {
	heard = strings.ReplaceAll(heard, "Proxy-Authorization:", "") // its own, which the person who named the proxy gave
	for form, text := range map[string]string{"plain": canary, "hex": hex.EncodeToString([]byte(canary)), "header": "Authorization:",
		"signature": "Quarterturn-Signature"} {
		if strings.Contains(heard, text) {
			return form
		}
	}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + canary))
		if strings.Contains(heard, encoded[4:len(encoded)-4]) {
			return "base64"
		}
	}
	return ""
}

// ---- names ---------------------------------------------------------------------------------------------------

// names is a resolver that answers as it is told, and writes down what it was asked.
type names struct {
	addr  string
	mu    sync.Mutex
	leads map[string][]string // by name in lower case with its final dot: one address for each question, the last one for the rest
	asked []string
}

func (n *names) reset(leads map[string][]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leads, n.asked = maps.Clone(leads), nil
}

// lookups are the distinct names that were asked about, and how often an address of each.
func (n *names) lookups() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := map[string]int{}
	for _, name := range n.asked {
		count[name]++
	}
	return count
}

func (n *names) address(name string) net.IP {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, name)
	all := n.leads[name]
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		n.leads[name] = all[1:]
	}
	return net.ParseIP(all[0]).To4()
}

// serve answers DNS questions over UDP, until the test is over.
func (n *names) serve(t testing.TB) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	n.addr = c.LocalAddr().String()
	go func() {
		for buf := make([]byte, 1500); ; {
			size, from, err := c.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if reply := n.reply(buf[:size]); reply != nil {
				_, _ = c.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// reply to one question (RFC 1035, section 4): an A record, or that there is none.
func (n *names) reply(q []byte) []byte {
	name, end := question(q)
	if end == 0 {
		return nil
	}
	out := append(slices.Clone(q[:2]), 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(out, q[12:end+4]...)
	if binary.BigEndian.Uint16(q[end:]) != 1 { // an AAAA: the name is there, such an address is not
		return out
	}
	ip := n.address(name)
	if ip == nil {
		out[3] = 0x83
		return out
	}
	out[7] = 1
	return append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip...)
}

func question(q []byte) (name string, end int) {
	at := 12
	for at < len(q) && q[at] != 0 {
		size := int(q[at])
		if at+1+size >= len(q) {
			return "", 0
		}
		name += strings.ToLower(string(q[at+1:at+1+size])) + "."
		at += 1 + size
	}
	if at+5 > len(q) {
		return "", 0
	}
	return name, at + 1
}

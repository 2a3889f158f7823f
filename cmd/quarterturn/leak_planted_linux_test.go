package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// realPlant is a leak that a real program makes: where it must be found, and in which encoding.
type realPlant struct {
	name string
	on   surface
	as   string
	leak func(secret string) error
}

const plantVariable = "QUARTERTURN_TEST_LEAK"

// leaksPlanted lets this binary, standing in for quarterturn, leak the secret of app.env before it does its work: only
// where the plant's name stands in the environment, and only in tests, for no other binary has this file.
func leaksPlanted() {
	i := slices.IndexFunc(realPlants(), func(p realPlant) bool { return p.name == os.Getenv(plantVariable) })
	text, err := os.ReadFile("app.env")
	if i < 0 || err != nil {
		return
	}
	harden()
	if err := realPlants()[i].leak(envEntry(text, "BLUUM_API_SECRET")); err != nil {
		fmt.Fprintln(os.Stderr, "the plant failed:", err)
	}
}

func toFile(name string, pieces ...string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		_, werr := f.WriteString(piece)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, f.Close(), os.Remove(name))
}

func spawned(stdin string, env []string, args ...string) error {
	c := exec.Command("true", args...)
	c.Stdin, c.Env = strings.NewReader(stdin), append(os.Environ(), env...)
	return c.Run()
}

func sent(network, to, text string) error {
	c, err := net.Dial(network, to)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte(text))
	return errors.Join(err, c.Close())
}

// elsewhere is a listener of the plant's own: a host that is not the vendor's.
func elsewhere(text string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return errors.Join(sent("tcp", l.Addr().String(), text), l.Close())
}

func overPipe(text string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	_, err = w.WriteString(text)
	return errors.Join(err, r.Close(), w.Close())
}

func mapped(text string) error {
	f, err := os.Create("cache.bin")
	if err != nil {
		return err
	}
	if err := f.Truncate(4096); err != nil {
		return err
	}
	page, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	copy(page, text)
	return errors.Join(unix.Munmap(page), f.Close())
}

func vectored(text string) error {
	f, err := os.Create("vector.tmp")
	if err != nil {
		return err
	}
	_, err = unix.Writev(int(f.Fd()), [][]byte{[]byte(text[:9]), []byte(text[9:])})
	return errors.Join(err, f.Close(), os.Remove("vector.tmp"))
}

func inMemory(text string) error {
	fd, err := unix.MemfdCreate("scratch", 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(text))
	return errors.Join(err, unix.Close(fd))
}

// ignoring is for calls that need not succeed to have told the kernel.
func ignoring(error) error { return nil }

func realPlants() []realPlant {
	return []realPlant{
		{"a line of output", outText, "raw", func(s string) error { _, err := fmt.Println(s); return err }},
		{"a line of error output", outErr, "hex", func(s string) error { _, err := fmt.Fprintln(os.Stderr, asHex(s)); return err }},
		{"the terminal's clipboard", outText, "base64", func(s string) error { _, err := fmt.Printf("\x1b]52;c;%s\a", asBase64(s)); return err }},
		{"a panic", outErr, "raw", func(s string) error { panic("cannot use " + s) }},
		{"a panic with bytes", outErr, "hex", func(s string) error { panic(fmt.Sprintf("%x", s)) }},
		{"a temporary file that is gone", toKernel, "base64", func(s string) error { return toFile("x.tmp", asBase64(s)) }},
		{"a file written byte by byte", toKernel, "raw", func(s string) error { return toFile("x.tmp", strings.Split(s, "")...) }},
		{"a packed file that is gone", toKernel, "raw in gzip", func(s string) error { return toFile("x.gz", asGzip(s)) }},
		{"one vectored write", toKernel, "reversed", func(s string) error { return vectored(reverse(s)) }},
		{"memory with a name", toKernel, "UTF-16", func(s string) error { return inMemory(asUTF16(s)) }},
		{"a mapped file", inFiles, "raw", mapped},
		{"a pipe", toKernel, "JSON escapes", func(s string) error { return overPipe(asJSONEscapes(s)) }},
		{"a datagram", toKernel, "base32", func(s string) error { return sent("udp", "127.0.0.1:9", asBase32(s)) }},
		{"another host, as a header", toKernel, "base64", func(s string) error {
			return elsewhere("GET / HTTP/1.1\r\nAuthorization: Basic " + asBase64("key:"+s) + "\r\n\r\n")
		}},
		{"a child's argument", execs, "raw", func(s string) error { return spawned("", nil, s) }},
		{"a child's environment", execs, "percent", func(s string) error { return spawned("", []string{"S=" + asPercents(s)}) }},
		{"the environment all children get", execs, "hex", func(s string) error {
			return errors.Join(os.Setenv("LAST", asHex(s)), spawned("", nil))
		}},
		{"a child's standard input", toKernel, "raw", func(s string) error { return ignoring(spawned(s, nil)) }},
		{"a file that isn't there", paths, "hex", func(s string) error { _, err := os.Open("/tmp/" + asHex(s)); return ignoring(err) }},
		{"a folder", paths, "percent", func(s string) error { return errors.Join(os.Mkdir(asPercents(s), 0o700), os.Remove(asPercents(s))) }},
		{"a link's target", paths, "decimal numbers", func(s string) error {
			return errors.Join(os.Symlink(asNumbers(s), "link"), os.Remove("link"))
		}},
		{"an attribute of a file", paths, "HTML entities", func(s string) error {
			return ignoring(unix.Setxattr("app.env", "user.note", []byte(asEntities(s)), 0))
		}},
		{"the process's name", paths, "raw", func(s string) error { return nameProcess(s) }},
		{"a socket in the file system", paths, "raw", func(s string) error {
			l, err := net.Listen("unix", "@"+s[:20])
			if err != nil {
				return err
			}
			return l.Close()
		}},
	}
}

// TestLeakRealPlants shows that the traced half can fail too: the program leaks, once for each plant, and each is found on
// its surface, in its encoding. Without one, nothing is.
func TestLeakRealPlants(t *testing.T) {
	if why := traceable(); why != "" || !leakAll() {
		fmt.Println("NOT RUN: leaks planted in the real program: make test-leak as root, with strace;", why)
		return
	}
	r := newRealLeak(t, leakNamed(t))
	found := 0
	plants := realPlants()
	for _, p := range append([]realPlant{{name: "nothing"}}, plants...) {
		r.book = newLeakBook()
		r.env = append(slices.DeleteFunc(r.env, func(e string) bool { return strings.HasPrefix(e, plantVariable) }), plantVariable+"="+p.name)
		_, said := r.does("", "version")
		if err := errors.Join(r.book.sweep(r.dir, inFiles), os.RemoveAll(r.path("cache.bin"))); err != nil {
			t.Fatal(err)
		}
		findings := r.book.read(r.pairs).Findings
		if p.on == "" {
			if len(findings) > 0 {
				t.Errorf("with nothing planted: %v", findings)
			}
			continue
		}
		if !slices.ContainsFunc(findings, func(f leakFinding) bool { return f.On == p.on && strings.Contains(f.What, "secret as "+p.as) }) {
			t.Errorf("%s: not found in %s as %s; found: %v; it said: %s", p.name, p.on, p.as, findings, hex.EncodeToString([]byte(said)))
			continue
		}
		found++
	}
	fmt.Printf("leak: %d of %d leaks planted in the real program found\n", found, len(plants))
}

// nameProcess takes 15 bytes of it.
func nameProcess(s string) error {
	b := append([]byte(s[:15]), 0)
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
}

// leakNamed is this test binary under the name quarterturn, under which TestMain makes it the program.
func leakNamed(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "quarterturn")
	if err := os.Symlink(exe, name); err != nil {
		t.Fatal(err)
	}
	return name
}

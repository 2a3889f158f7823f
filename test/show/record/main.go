// Command record makes the recordings in docs/recordings again: it runs the built program at a terminal of its own, plays
// the person, and keeps what the screen showed as text, as an asciinema cast and as a picture. Nothing is edited.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

const (
	columns = 80
	rows    = 40
	patient = 2 * time.Minute
)

func main() {
	program := flag.String("quarterturn", "", "the built program, as an absolute path")
	out := flag.String("out", "", "folder for the recordings")
	flag.Parse()
	if *program == "" || *out == "" {
		log.Fatal("usage: record -quarterturn PROGRAM -out FOLDER; make recordings does it")
	}
	for _, record := range []func(program, out string) error{demo, rotate} {
		if err := record(*program, *out); err != nil {
			log.Fatal(err)
		}
	}
}

// demo needs nobody.
func demo(program, out string) error {
	dir, err := os.MkdirTemp("", "record-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := sit(program, dir, "demo")
	if err != nil {
		return err
	}
	if err := s.ends(); err != nil {
		return err
	}
	return s.keep(out, "demo", "quarterturn demo")
}

// rotate is a person with a browser and a terminal, on the world of demo --keep.
func rotate(program, out string) error {
	dir, err := os.MkdirTemp("", "record-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	world := exec.Command(program, "--as", "ada", "demo", "--keep", "play", "--output", "json")
	world.Dir = dir
	said, err := world.StdoutPipe()
	if err != nil {
		return err
	}
	if err := world.Start(); err != nil {
		return err
	}
	defer func() { _ = world.Process.Signal(os.Interrupt); _ = world.Wait() }()
	var at struct{ Portal string }
	if err := json.NewDecoder(said).Decode(&at); err != nil {
		return err
	}
	ada, err := signIn(at.Portal)
	if err != nil {
		return err
	}
	s, err := sit(program, dir, "--config", "play/quarterturn.yaml", "--as", "ada", "rotate", "bluum-production")
	if err != nil {
		return err
	}
	if err := person(s, ada); err != nil {
		return fmt.Errorf("%w; the screen:\n%s", err, s.plain())
	}
	return s.keep(out, "rotate", "quarterturn rotate bluum-production")
}

// person is what somebody does who has slept too little: the wrong key is named first, and that is caught.
func person(s *screen, ada *browser) error {
	var key, secret, old string
	return steps(
		func() error { return s.expect("organisation: ") },
		func() (err error) { key, secret, err = ada.create("bluum-production-2"); return err },
		func() error { return s.types("Acme Trading\r") },
		func() error { return s.expect("ends): ") },
		func() error {
			return s.sends("\x1b[200~BLUUM_API_KEY=" + key + "\rBLUUM_API_SECRET=" + secret + "\x1b[201~\r")
		},
		func() error { return s.expect("last four: ") },
		func() error { return s.types("0000\r") },
		func() error { return s.expect("last four: ") },
		func() (err error) { old, err = ada.revokeOldest(); return err },
		func() error { return s.types(old + "\r") },
		s.ends,
		func() error {
			if strings.Contains(s.plain(), secret[:8]) || strings.Contains(s.plain(), secret[len(secret)-8:]) {
				return errors.New("the secret is on the screen")
			}
			return nil
		})
}

func steps(all ...func() error) error {
	for _, step := range all {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// screen is a terminal and everything it was sent, with times.
type screen struct {
	tty   *os.File
	cmd   *exec.Cmd
	began time.Time
	over  chan struct{}

	mu     sync.Mutex
	chunks []chunk
	read   int
}

type chunk struct {
	at   float64 // seconds
	text string
}

func sit(program, dir string, args ...string) (*screen, error) {
	c := exec.Command(program, args...)
	c.Args[0], c.Dir = "quarterturn", dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=xterm-256color", "USER=ada"}
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: rows, Cols: columns})
	if err != nil {
		return nil, err
	}
	s := &screen{tty: tty, cmd: c, began: time.Now(), over: make(chan struct{})}
	go s.watch()
	return s, nil
}

func (s *screen) watch() {
	defer close(s.over)
	b := make([]byte, 4096)
	for {
		n, err := s.tty.Read(b)
		s.mu.Lock()
		if n > 0 {
			s.chunks = append(s.chunks, chunk{time.Since(s.began).Seconds(), string(b[:n])})
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, c := range s.chunks {
		b.WriteString(c.text)
	}
	return b.String()
}

func (s *screen) plain() string {
	text := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`).ReplaceAllString(s.raw(), "")
	return overwritten(strings.ReplaceAll(text, "\r\n", "\n"))
}

func (s *screen) expect(want string) error {
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text := s.raw()
		if i := strings.Index(text[s.read:], want); i >= 0 {
			s.read += i + len(want)
			return nil
		}
	}
	return fmt.Errorf("%q did not come", want)
}

// types is a person at the keys.
func (s *screen) types(text string) error {
	time.Sleep(time.Second)
	for _, r := range text {
		time.Sleep(80 * time.Millisecond)
		if _, err := s.tty.WriteString(string(r)); err != nil {
			return err
		}
	}
	return nil
}

// sends is a paste.
func (s *screen) sends(text string) error {
	time.Sleep(time.Second)
	_, err := s.tty.WriteString(text)
	return err
}

func (s *screen) ends() error {
	timer := time.AfterFunc(patient, func() { _ = s.cmd.Process.Signal(syscall.SIGTERM) })
	defer timer.Stop()
	err := s.cmd.Wait()
	<-s.over
	if err != nil {
		return fmt.Errorf("it ended with %w; the screen:\n%s", err, s.plain())
	}
	return s.tty.Close()
}

// keep writes the three forms of a recording.
func (s *screen) keep(out, name, command string) error {
	prompt := "$ " + command + "\n"
	return errors.Join(
		os.WriteFile(filepath.Join(out, name+".txt"), []byte(prompt+s.plain()), 0o644),
		os.WriteFile(filepath.Join(out, name+".cast"), s.cast(command), 0o644),
		os.WriteFile(filepath.Join(out, name+".svg"), picture("\x1b[1m"+prompt+"\x1b[m"+s.raw()), 0o644))
}

// cast is asciinema's format, version 2.
func (s *screen) cast(command string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]any{"version": 2, "width": columns, "height": rows, "title": command, "idle_time_limit": 2})
	_ = enc.Encode([]any{0, "o", "\x1b[1m$ " + command + "\x1b[m\r\n"})
	for _, c := range s.chunks {
		_ = enc.Encode([]any{c.at, "o", c.text})
	}
	return b.Bytes()
}

// browser is the person's, signed in as Ada of Acme Trading.
type browser struct {
	base   string
	client *http.Client
}

const keys = "/production/settings/api-keys"

func signIn(base string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{base: base, client: &http.Client{Jar: jar, Timeout: patient}}
	_, err = b.post("/sign-in", "person", "ada")
	return b, err
}

func (b *browser) post(path, field, value string) (string, error) {
	answer, err := b.client.PostForm(b.base+path, url.Values{field: {value}})
	if err != nil {
		return "", err
	}
	return page(answer)
}

func page(answer *http.Response) (string, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the portal answered %d", answer.StatusCode)
	}
	return string(body), err
}

func (b *browser) create(name string) (key, secret string, err error) {
	text, err := b.post(keys, "name", name)
	found := regexp.MustCompile(`id="api-(?:key|secret)"[^>]*>([^<]+)<`).FindAllStringSubmatch(text, -1)
	if err != nil || len(found) != 2 {
		return "", "", fmt.Errorf("no new pair on the page: %w", err)
	}
	return found[0][1], found[1][1], nil
}

// revokeOldest clicks through the confirmation of the last key in the list, and returns its last four characters.
func (b *browser) revokeOldest() (string, error) {
	answer, err := b.client.Get(b.base + keys)
	if err != nil {
		return "", err
	}
	text, err := page(answer)
	found := regexp.MustCompile(`href="([^"]+/revoke)" aria-label="[^"]*ending in ([0-9a-f]{4})"`).FindAllStringSubmatch(text, -1)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no key can be revoked: %w", err)
	}
	last := found[len(found)-1]
	_, err = b.post(last[1], "confirm", last[2])
	return last[2], err
}

// overwritten leaves of each line what a carriage return did not take back: a count-down is gone when it is over.
func overwritten(text string) string {
	return regexp.MustCompile(`[^\n]*\r`).ReplaceAllString(text, "")
}

package dotenv

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"quarterturn/backends"
	"quarterturn/secret"
)

const (
	victimEnv  = "DOTENV_TEST_VICTIM" // the file on which a child process works
	victimTask = "DOTENV_TEST_VICTIM_TASK"
)

// TestVictim is what the child processes of the tests below run; without its variable there is nothing to do.
func TestVictim(t *testing.T) {
	path, task := os.Getenv(victimEnv), os.Getenv(victimTask)
	switch task {
	case "write for ever":
		os.Stdout.WriteString("started\n")
		for i := 0; ; i++ {
			mustPut(t, place(t, path, "BLUUM_GENERATION"), []string{"a", "b"}[i%2])
		}
	case "no room":
		signal.Ignore(syscall.SIGXFSZ)
		room := syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			t.Fatal(err)
		}
		p := place(t, path, "")
		w := write("b", version(t, p))
		w.Material["key"] = secret.New(strings.Repeat("0123456789abcdef", 1024))
		if err := p.Put(t.Context(), w); err == nil || !strings.Contains(err.Error(), "no room left") || errors.Is(err, backends.ErrForbidden) {
			t.Errorf("got %v", err)
		}
	}
}

func victim(t *testing.T, path, task string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), victimEnv+"="+path, victimTask+"="+task)
	return cmd
}

// A writer that is killed at any moment leaves the whole old file or the whole new one, and the next write tidies up.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.env")
	rest := strings.Repeat("# a comment that is not ours\n", 20000)
	writeFile(t, path, rest, 0o640)
	p, left := place(t, path, "BLUUM_GENERATION"), 0
	mustPut(t, p, "a")
	for range 25 {
		killOne(t, path)
		for _, name := range list(t, dir) {
			if name != "app.env" {
				left++
				private(t, filepath.Join(dir, name))
			}
		}
		complete(t, path, rest)
		mustPut(t, p, "a")
		mustPut(t, p, "b")
		if got := list(t, dir); !slices.Equal(got, []string{"app.env"}) {
			t.Fatalf("left behind: %q", got)
		}
	}
	t.Logf("25 writers killed, %d of them in the middle of a write", left)
}

func killOne(t *testing.T, path string) {
	t.Helper()
	cmd := victim(t, path, "write for ever")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		t.Errorf("the writer did not start: %q, %v", line, err)
	}
	time.Sleep(time.Duration(rand.IntN(15000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Error("the writer ended by itself")
	}
}

func private(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("a temporary file is open to others: %v, %v", info, err)
	}
}

func complete(t *testing.T, path, rest string) {
	t.Helper()
	content := read(t, path)
	for _, tag := range []string{"a", "b"} {
		m := pair(tag)
		whole := rest + "BLUUM_API_KEY=" + m["key"].Reveal() + "\nBLUUM_API_SECRET=" + m["secret"].Reveal() + "\nBLUUM_GENERATION=slot-" + tag + "\n"
		if content == whole {
			return
		}
	}
	t.Fatalf("the file is neither the old nor the new one; it has %d bytes", len(content))
}

func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.env")
	mustPut(t, place(t, path, ""), "a")
	before := read(t, path)
	if out, err := victim(t, path, "no room").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := list(t, dir); read(t, path) != before || !slices.Equal(got, []string{"app.env"}) {
		t.Errorf("something changed: %q", got)
	}
}

// Who only looks tidies up too: after a rollback nobody may ever write again, and what is left holds the pair that was given
// up. A write that is under way keeps its file.
func TestLookingTidiesUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.env")
	p := place(t, path, "")
	mustPut(t, p, "a")
	writeFile(t, filepath.Join(dir, ".app.env.quarterturn-LEFT"), "BLUUM_API_KEY=given-up\n", 0o600)
	f, err := enter(dir, "app.env")
	if err != nil {
		t.Fatal(err)
	}
	defer f.leave()
	unlock, err := f.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version(t, p); len(list(t, dir)) != 2 {
		t.Error("the file of a write that is under way is gone")
	}
	unlock()
	if version(t, p); !slices.Equal(list(t, dir), []string{"app.env"}) {
		t.Errorf("left behind: %q", list(t, dir))
	}
}

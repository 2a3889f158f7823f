package dotenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"quarterturn/backends"
	"quarterturn/secret"
	"quarterturn/secret/secrettest"
)

func TestModeOfTheFile(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o640, 0o400, 0o660, 0o644} {
		path := writeFile(t, filepath.Join(t.TempDir(), "app.env"), "A=1\n", mode)
		mustPut(t, place(t, path, ""), "a")
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s became %s, %v", mode, info.Mode(), err)
		}
	}
	path := filepath.Join(t.TempDir(), "new.env")
	mustPut(t, place(t, path, ""), "a")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("a new file has mode %s, %v", info.Mode(), err)
	}
}

func TestOwnerIsKept(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "app.env"), "A=1\n", 0o640)
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 4242, 4343 // only root can give files away; others keep their own
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
	mustPut(t, place(t, path, ""), "a")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := stat(info); int(s.Uid) != uid || int(s.Gid) != gid || info.Mode() != 0o640 {
		t.Errorf("now %d:%d %s", s.Uid, s.Gid, info.Mode())
	}
}

// Access lists, where the file system has them, are kept: without its list a file's group bits would say too much.
func TestAccessListIsKept(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "app.env"), "A=1\n", 0o600)
	list := []byte{2, 0, 0, 0, // user::rw-, user:1234:r--, group::---, mask::r--, other::---
		1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0xd2, 4, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255,
		16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
	set := unix.Setxattr(path, accessList, list, 0)
	if set != nil && !errors.Is(set, unix.ENOTSUP) {
		t.Fatal(set)
	}
	mustPut(t, place(t, path, ""), "a")
	got := make([]byte, 256)
	n, err := unix.Getxattr(path, accessList, got)
	if set == nil && (err != nil || !bytes.Equal(got[:n], list)) || set != nil && err == nil {
		t.Errorf("the list is now %v, %v", got[:max(n, 0)], err)
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(dir, out string) error
		want string // "" when followed
	}{
		{"inside", func(dir, _ string) error { return os.Symlink("real.env", filepath.Join(dir, "app.env")) }, ""},
		{"inside, absolute", func(dir, _ string) error { return os.Symlink(dir+"/real.env", filepath.Join(dir, "app.env")) }, ""},
		{"inside, by a detour", func(dir, _ string) error {
			return os.Symlink("../"+filepath.Base(dir)+"/real.env", filepath.Join(dir, "app.env"))
		}, ""},
		{"two hops", func(dir, _ string) error {
			return errors.Join(os.Symlink("b.env", dir+"/app.env"), os.Symlink("real.env", dir+"/b.env"))
		}, ""},
		{"to nothing, inside", func(dir, _ string) error {
			return errors.Join(os.Remove(dir+"/real.env"), os.Symlink("real.env", dir+"/app.env"))
		}, ""},
		{"out of the folder", func(dir, out string) error { return os.Symlink(out+"/real.env", dir+"/app.env") }, "out of its folder"},
		{"to the parent", func(dir, _ string) error { return os.Symlink("../real.env", dir+"/app.env") }, "out of its folder"},
		{"to a folder below", func(dir, _ string) error {
			return errors.Join(os.Mkdir(dir+"/sub", 0o700), os.Symlink("sub/real.env", dir+"/app.env"))
		}, "out of its folder"},
		{"to nowhere", func(dir, _ string) error { return os.Symlink("/no/such/folder/x", dir+"/app.env") }, "out of its folder"},
		{"in a circle", func(dir, _ string) error { return os.Symlink("app.env", dir+"/app.env") }, "too many links"},
		{"a folder", func(dir, _ string) error { return os.Mkdir(dir+"/app.env", 0o700) }, "not a regular file"},
		{"a pipe", func(dir, _ string) error { return syscall.Mkfifo(dir+"/app.env", 0o600) }, "not a regular file"},
		{"a hard link", func(dir, out string) error { return os.Link(out+"/real.env", dir+"/app.env") }, "hard link"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, out := t.TempDir(), t.TempDir()
			writeFile(t, dir+"/real.env", "A=1\n", 0o600)
			writeFile(t, out+"/real.env", "B=1\n", 0o600)
			if err := c.make(dir, out); err != nil {
				t.Fatal(err)
			}
			p := place(t, filepath.Join(dir, "app.env"), "")
			r, err := p.Check(t.Context())
			if err != nil || (len(r.Problems) == 0) != (c.want == "") {
				t.Errorf("Check: %v, %v", r.Problems, err)
			}
			err = p.Put(t.Context(), write("a", ""))
			if read(t, out+"/real.env") != "B=1\n" {
				t.Error("a file outside was changed")
			}
			if c.want != "" {
				if !errors.Is(err, backends.ErrForbidden) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if info, e := os.Lstat(dir + "/app.env"); err != nil || e != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Errorf("the link is gone, or the write failed: %v", err)
			}
			if !strings.Contains(read(t, dir+"/real.env"), "a-key") {
				t.Error("the file behind the link was not written")
			}
		})
	}
}

func TestAFolderThatIsALinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/release-1", 0o700), os.Symlink("release-1", dir+"/current")); err != nil {
		t.Fatal(err)
	}
	mustPut(t, place(t, dir+"/current/app.env", ""), "a")
	if got := list(t, dir+"/release-1"); !slices.Equal(got, []string{"app.env"}) {
		t.Errorf("found %q", got)
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.env")
	p := place(t, path, "")
	mustPut(t, p, "a")
	left := writeFile(t, filepath.Join(dir, ".app.env.quarterturn-ABC"), "BLUUM_API_KEY=half", 0o600)
	writeFile(t, filepath.Join(dir, ".other.env.quarterturn-ABC"), "somebody else's", 0o600)
	r, err := p.Check(t.Context())
	if err != nil || len(r.Problems) > 0 || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, left) }) {
		t.Errorf("Check: %+v, %v", r, err)
	}
	read(t, left) // Check changes nothing
	if err := p.Put(t.Context(), write("a", "")); err != nil {
		t.Fatal(err) // the place holds it already, and is swept all the same
	}
	if got := list(t, dir); !slices.Equal(got, []string{".other.env.quarterturn-ABC", "app.env"}) {
		t.Errorf("found %q", got)
	}
}

func TestCheckSays(t *testing.T) {
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		prepare       func(dir string) error
		problem, note string
	}{
		{"nothing to say", "A=1\n", 0o600, nil, "", ""},
		{"a file to be", "", 0, nil, "", "will be created"},
		{"for the group", "A=1\n", 0o640, nil, "", "has mode 0640, so its group"},
		{"for everybody", "A=1\n", 0o604, nil, "has mode 0604, so every user", ""},
		{"a quote left open", "A=1\nB='\n", 0o600, nil, "app.env, line 2: a quote is opened", ""},
		{"two values", "BLUUM_API_KEY=1\nBLUUM_API_KEY=2\nBLUUM_API_SECRET=3\n", 0o600, nil, "", "BLUUM_API_KEY is set several times"},
		{"half a pair", "BLUUM_API_KEY=1\n", 0o600, nil, "", "BLUUM_API_SECRET is missing or empty"},
		{"too large", strings.Repeat("#", limit+1), 0o600, nil, "larger than 1 MiB", ""},
		{"in git", "A=1\n", 0o600, gitInit(""), "", "is not ignored"},
		{"in git, ignored", "A=1\n", 0o600, gitInit("*.env\n"), "", ""},
		{"in a broken repository", "A=1\n", 0o600, func(dir string) error { return os.WriteFile(dir+"/.git", []byte("gitdir: nowhere"), 0o600) },
			"", "make sure that it is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.mode != 0 {
				writeFile(t, dir+"/app.env", c.content, c.mode)
			}
			if c.prepare != nil {
				if err := c.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			r, err := place(t, dir+"/app.env", "").Check(t.Context())
			if err != nil || !says(r.Problems, c.problem) || !says(r.Notes, c.note) {
				t.Errorf("got %q, %q, %v", r.Problems, r.Notes, err)
			}
		})
	}
}

func says(lines []string, want string) bool {
	return want == "" && len(lines) == 0 || want != "" && len(lines) == 1 && strings.Contains(lines[0], want)
}

func gitInit(ignore string) func(string) error {
	return func(dir string) error {
		if out, err := exec.Command("git", "init", "--quiet", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("this test needs git (apt-get install git): %w: %s", err, out)
		}
		return os.WriteFile(dir+"/.gitignore", []byte(ignore), 0o600)
	}
}

// asNobody runs f with the file rights of an ordinary user. Rights belong to a thread on Linux, and this one ends with f.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread()
			if _, _, e := syscall.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 65534, ^uintptr(0)); e != 0 {
				done <- e
				return
			}
		}
		f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir+"/app.env", "A=1\n", 0o644)
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)) })
	p := place(t, path, "")
	asNobody(t, func() {
		err := p.Put(t.Context(), write("a", ""))
		if !errors.Is(err, backends.ErrForbidden) || !strings.Contains(err.Error(), "permission denied; nothing was changed") {
			t.Errorf("Put: %v", err)
		}
		r, err := p.Check(t.Context())
		if err != nil || len(r.Problems) == 0 || !strings.Contains(r.Problems[0], "is writable: permission denied") {
			t.Errorf("Check: %q, %v", r.Problems, err)
		}
	})
	if read(t, path) != "A=1\n" || len(list(t, dir)) != 1 {
		t.Error("something changed")
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC: "no room left", syscall.EDQUOT: "no room left", syscall.EFBIG: "no room left",
		syscall.EROFS: "read-only", syscall.EACCES: "permission denied", syscall.EPERM: "permission denied", syscall.EIO: "nothing was changed",
	} {
		got := explain("writing in /x", &os.PathError{Op: "write", Path: "/x/y", Err: err})
		forbidden := want == "permission denied"
		if !strings.Contains(got.Error(), want) || errors.Is(got, backends.ErrForbidden) != forbidden {
			t.Errorf("%v: got %v", err, got)
		}
	}
	if explain("x", nil) != nil || !errors.Is(explain("x", backends.ErrChanged), backends.ErrChanged) {
		t.Error("nil and what was already explained pass through")
	}
}

// Waiting for the lock ends with the context, and the lock is not kept afterwards.
func TestTheLock(t *testing.T) {
	dir := t.TempDir()
	p := place(t, dir+"/app.env", "")
	held, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := flock(held, syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Put(ctx, write("a", "")); !errors.Is(err, ctx.Err()) || err == nil {
		t.Errorf("got %v", err)
	}
	if got := list(t, dir); got != nil {
		t.Errorf("found %q", got)
	}
	if err := flock(held, syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	mustPut(t, p, "a")
}

// Whatever goes wrong, nothing that is shown holds a value, be it ours, the file's or a neighbour's.
func TestNoSecretIsShown(t *testing.T) {
	canary := secrettest.Canary(32)
	var shown bytes.Buffer
	for _, content := range []string{
		"BLUUM_API_KEY=%s$x\n", "BLUUM_API_KEY='%s\n", "X=\"%s\n", "BLUUM_API_KEY=%s # %[1]s # x\n", "BLUUM_API_KEY: %s\n", "%s\rX\n",
		"BLUUM_API_KEY=%s\nBLUUM_API_KEY=1\n", "BLUUM_API_KEY=%s\n", "X='a' BLUUM_API_KEY=%s\n", "BLUUM_API_KEY=%s\nBLUUM_API_SECRET=%[1]s\n",
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), "app.env"), fmt.Sprintf(content, canary), 0o600)
		p := place(t, path, "")
		h, err := p.Observe(t.Context())
		m, err2 := p.Read(t.Context())
		r, err3 := p.Check(t.Context())
		fmt.Fprintln(&shown, h, err, m, err2, r, err3, p.Put(t.Context(), write("a", "x")))
	}
	w := write("a", "")
	for _, tail := range []string{"\n", "\x00", `\`, `'"`, "\xff"} {
		w.Material["key"] = secret.New(canary + tail)
		fmt.Fprintln(&shown, place(t, filepath.Join(t.TempDir(), "app.env"), "").Put(t.Context(), w))
	}
	if found := secrettest.Find(shown.Bytes(), canary); found != nil {
		t.Error(found)
	}
	if !strings.Contains(shown.String(), `field "key" cannot stand in a .env file: it contains a line break`) {
		t.Error("the field is not named")
	}
}

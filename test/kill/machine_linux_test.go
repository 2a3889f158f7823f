package kill

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// badMachine is trouble that comes in the midst of a rotation and that somebody mends later.
type badMachine struct {
	name        string
	mounted     bool // the world stands on a small disk of its own
	nobody      bool // the program runs as an ordinary user
	spoil, mend func(w *world) error
	codes       []int
	says        []string // one of them is said while the machine is bad
	unseen      string   // but not in this state, in which nothing is done that it could disturb
}

func badMachines() []badMachine {
	nothing := func(*world) error { return nil }
	return []badMachine{
		{"the disk is full", true, false, stuff, func(w *world) error { return os.Remove(w.path("filler")) }, []int{0, 1},
			[]string{"the disk is full", "no room left"}, ""},
		{"the disk is read-only", true, false, remount(unix.MS_RDONLY), remount(0), []int{0, 1, 2},
			[]string{"cannot be written", "is read-only"}, ""},
		{"a folder cannot be written", false, true, mode(0o500), mode(0o700), []int{0, 1}, []string{"permission denied", "cannot be written", "may not"}, "awaiting_revocation"},
		{"too little memory", false, false, limited, func(w *world) error { w.shape = nil; return nil }, []int{0, 1, 2, -1},
			[]string{"out of memory", "cannot allocate memory"}, ""}, // the first words are the Go runtime's
		{"nothing is wrong with it", false, true, nothing, nothing, []int{0, 1}, nil, ""},
	}
}

// moments are the states in which the machine goes bad.
func moments() []string { return []string{"idle", "awaiting_key", "received", "awaiting_revocation"} }

// TestBadMachines: while the machine is bad nothing is lost and the cause is named; once it is mended the next pass goes on,
// to the end.
func TestBadMachines(t *testing.T) {
	if os.Getenv("QUARTERTURN_KILL") != "all" {
		say("NOT RUN: bad machines around the program as it is shipped: make test-kill (a full and a read-only disk: cmd/quarterturn)")
		t.SkipNow()
	}
	bin := program.path(t)
	for i, c := range badMachines() {
		for j, moment := range moments() {
			if moment != "awaiting_key" && c.says == nil {
				continue
			}
			t.Run(c.name+" when "+moment, func(t *testing.T) {
				t.Parallel()
				c.befalls(t, bin, moment, uint64(i*len(moments())+j+1))
			})
		}
	}
}

func (c badMachine) befalls(t *testing.T, bin, moment string, seed uint64) {
	dir := filepath.Join(t.TempDir(), "world")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if c.mounted && !small(t, dir) {
		return
	}
	if c.nobody {
		bin = c.asNobody(t, bin, dir)
	}
	p := alone(t, bin, dir, seed)
	if c.nobody && !p.becomeNobody(t) {
		return
	}
	p.until(moment)
	if err := c.spoil(p.world); err != nil {
		t.Fatal(err)
	}
	p.bad = true
	said := c.suffer(p, moment)
	if err := c.mend(p.world); err != nil {
		t.Fatal(err)
	}
	p.settle(recovery)
	if c.unseen == moment {
		return
	}
	if named := func(part string) bool { return strings.Contains(said, part) }; len(c.says) > 0 && !slices.ContainsFunc(c.says, named) {
		t.Errorf("the cause is not named: none of %q in: %s", c.says, said)
	}
}

// until goes on until the rotation is in a state.
func (p *person) until(state string) {
	for deadline := time.Now().Add(recovery); time.Now().Before(deadline) && len(p.violations()) == 0; {
		st, ok := p.status()
		if !ok || st.State == state {
			return
		}
		p.act(st, p.calm)
		if st, _ := p.status(); st.State == state || state == "received" && p.hand == nil && len(p.safe) > 0 {
			return
		}
		p.calm("", "run")
	}
	p.violation("the rotation never is %s", state)
}

// suffer does what a person and a CronJob do who have not noticed yet.
func (c badMachine) suffer(p *person, moment string) (said string) {
	if len(p.todo) == 0 {
		p.todo = lanes(p.world)
	}
	tell := func(stdin string, args ...string) outcome {
		o := p.calm(stdin, args...)
		said += strings.Join(strings.Fields(o.said), " ") + "\n"
		if !slices.Contains(c.codes, o.code) {
			p.violation("%s: exit code %d: %s", args[0], o.code, o.said)
		}
		return o
	}
	if moment == "idle" {
		p.act(standing{State: "idle"}, tell)
	}
	for range 4 {
		tell("", "run")
		if moment == "awaiting_key" && len(p.safe) == 0 {
			p.act(standing{State: "awaiting_key", Next: "quarterturn rotate " + credential}, tell)
		}
		time.Sleep(says / 2)
	}
	return said
}

// small mounts a disk of 4 MiB at dir: as root, or in name spaces of one's own.
func small(t *testing.T, dir string) bool {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		say("NOT RUN: %s: no small disk can be mounted here (%v); as another user: unshare -rm make test-kill", t.Name(), err)
		return false
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return true
}

func remount(flags uintptr) func(*world) error {
	return func(w *world) error { return unix.Mount("tmpfs", w.dir, "tmpfs", unix.MS_REMOUNT|flags, "size=4m") }
}

// stuff takes all the room that the disk has left.
func stuff(w *world) error {
	f, err := os.OpenFile(w.path("filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil && n < size {
			size /= 2
		}
	}
	return nil
}

func mode(m os.FileMode) func(*world) error {
	return func(w *world) error { return os.Chmod(w.path("places"), m) }
}

// limited lets a process have so few addresses that it dies of it: somewhat less than what status needs.
func limited(w *world) error {
	for kib := 600_000; kib < 4_000_000; kib += 20_000 {
		if w.confine(kib); w.calm("", "status").code == 0 {
			w.confine(kib - 40_000)
			return nil
		}
	}
	return errors.New("no limit lets the program live")
}

// confine sets RLIMIT_AS for every process from now on.
func (w *world) confine(kib int) {
	w.shape = func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, kib)}, c.Args...)
		c.Path = "/bin/sh"
	}
}

// nobodyID is an ordinary user's.
const nobodyID = 65534

// asNobody puts the program where an ordinary user finds it.
func (c badMachine) asNobody(t *testing.T, bin, dir string) string {
	t.Helper()
	for at := dir; at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && at != dir {
			_ = os.Chmod(at, info.Mode().Perm()|0o011)
		}
	}
	for at := filepath.Dir(bin); at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil {
			_ = os.Chmod(at, info.Mode().Perm()|0o011)
		}
	}
	return bin
}

// becomeNobody gives the world to an ordinary user, if this one is root.
func (p *person) becomeNobody(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	err := filepath.Walk(p.dir, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobodyID, nobodyID)
	})
	if err != nil {
		say("NOT RUN: %s: nothing can be given to an ordinary user: %v", t.Name(), err)
		return false
	}
	p.shape = func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyID, Gid: nobodyID}}
	}
	return true
}

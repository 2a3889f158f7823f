package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// small mounts 4 MiB of memory at dir, which the test fills. Only root can.
func small(t *testing.T, dir string) bool {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Logf("NOT RUN: no small disk can be mounted here: %v", err)
		return false
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return true
}

// stuff takes all the room that a disk has left.
func stuff(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil && n < size {
			size /= 2
		}
	}
}

// A pair that is pasted while the ledger's disk is full is refused whole, and accepted once there is room.
func TestFullLedger(t *testing.T) {
	st := realStage(t, "1s")
	disk := filepath.Join(st.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if !small(t, disk) {
		return
	}
	moved(t, st, disk)
	if code, said := aside(t, process(t, st, "run"), ""); code != exitDone {
		t.Fatalf("run: exit code %d: %s", code, said)
	}
	fresh, err := st.vendor.Create(sim.Acme, sim.Production, demoName)
	if err != nil {
		t.Fatal(err)
	}
	text := "BLUUM_API_KEY=" + fresh.Key + "\nBLUUM_API_SECRET=" + fresh.Secret + "\n"
	stuff(t, disk+"/filler")
	code, said := aside(t, process(t, st, "submit", demoName), text)
	flat := strings.Join(strings.Fields(said), " ")
	if code != exitTransient || !strings.Contains(flat, "the disk is full") || !strings.Contains(flat, "keep the portal page open") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, said := aside(t, process(t, st, "run"), ""); code != exitTransient && code != exitDone {
		t.Errorf("run on a full disk: exit code %d: %s", code, said)
	}
	if err := os.Remove(disk + "/filler"); err != nil {
		t.Fatal(err)
	}
	if state := stateOf(t, st); state != string(rotator.AwaitingKey) {
		t.Errorf("state %s", state)
	}
	for _, args := range [][]string{{"submit", demoName}, {"run"}, {"audit", "verify"}} {
		if code, said := aside(t, process(t, st, args...), text); code != exitDone {
			t.Errorf("%v once there is room: exit code %d: %s", args, code, said)
		}
	}
}

// moved puts the ledger on another disk.
func moved(t *testing.T, st *stage, disk string) {
	t.Helper()
	for _, name := range []string{"quarterturn.db"} {
		data, err := os.ReadFile(filepath.Join(st.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(disk, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(st.dir, "quarterturn.yaml")
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	next := bytes.Replace(text, []byte("quarterturn.db"), []byte("disk/quarterturn.db"), 1)
	if bytes.Equal(next, text) {
		t.Fatal("the configuration names no ledger to be moved")
	}
	if err := os.WriteFile(conf, next, 0o600); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"quarterturn/rotator"
)

// onDisk is a bench whose .env file stands on a disk of four pages, or in a folder of its own where none is asked for.
func onDisk(t *testing.T, mounted bool) *bench {
	t.Helper()
	b := raise(t, stageOptions{}, func(b *bench, text string) string {
		b.must(os.Mkdir(b.path("place"), 0o700))
		if mounted {
			if err := unix.Mount("tmpfs", b.path("place"), "tmpfs", 0, "mode=0700,size=16k"); err != nil {
				fmt.Printf("NOT RUN: %s: no small disk can be mounted here: %v\n", t.Name(), err)
				t.SkipNow()
			}
			t.Cleanup(func() { _ = unix.Unmount(b.path("place"), unix.MNT_DETACH) })
		}
		env, err := os.ReadFile(b.path("app.env"))
		b.must(err)
		b.must(errors.Join(os.WriteFile(b.path("place/app.env"), env, 0o600), os.Remove(b.path("app.env")),
			os.Symlink("place/app.env", b.path("app.env"))))
		b.envs = []string{"place/app.env"}
		return strings.ReplaceAll(text, "app.env", "place/app.env")
	})
	b.to(rotator.AwaitingKey)
	b.supply()
	return b
}

// TestPlaceOnABadDisk: a pass that can't write its place says so and that nothing is broken, leaves the file and the folder
// as they were, and the next one after somebody mended it goes on to the end.
func TestPlaceOnABadDisk(t *testing.T) {
	for _, c := range []struct {
		name        string
		mounted     bool
		spoil, mend func(b *bench)
		code        int
		says        string
	}{
		{"full", true, func(b *bench) { stuff(b.t, b.path("place/filler")) }, func(b *bench) { b.must(os.Remove(b.path("place/filler"))) },
			exitTransient, "there is no room left"},
		{"read-only", true, func(b *bench) { b.must(remount(b, unix.MS_RDONLY)) }, func(b *bench) { b.must(remount(b, 0)) },
			exitTransient, "the file system is read-only"},
		{"its folder is gone", false, func(b *bench) { b.must(os.Rename(b.path("place"), b.path("elsewhere"))) },
			func(b *bench) { b.must(os.Rename(b.path("elsewhere"), b.path("place"))) }, exitTransient, "there is no such folder"},
		{"its folder cannot be written", false, func(b *bench) { b.must(os.Chmod(b.path("place"), 0o500)) },
			func(b *bench) {
				b.must(os.Chmod(b.path("place"), 0o700))
				b.does(exitDone, "resume", demoName)
			}, exitDone, "both pairs still work. Mend it and resume"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() == 0 && strings.Contains(c.name, "cannot be written") {
				fmt.Printf("NOT RUN: %s: root writes every folder\n", t.Name())
				t.SkipNow()
			}
			b := onDisk(t, c.mounted)
			before, err := os.ReadFile(b.path("place/app.env"))
			b.must(err)
			c.spoil(b)
			for range 2 { // also when it is tried again
				_, err := b.skip(b.ctx)
				b.must(err)
				code, said := spoken(b, "", "run")
				if code != c.code || !strings.Contains(said, c.says) || !strings.Contains(said, "nothing was changed") {
					t.Errorf("exit code %d, want %d and %q: %s", code, c.code, c.says, said)
				}
			}
			b.works()
			c.mend(b)
			if after, err := os.ReadFile(b.path("place/app.env")); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed (%v)", err)
			}
			if all, err := os.ReadDir(b.path("place")); err != nil || len(all) != 1 {
				t.Errorf("left in the folder: %v, %v", all, err)
			}
			b.closes()
			b.does(exitDone, "audit", "verify")
		})
	}
}

func remount(b *bench, flags uintptr) error {
	return unix.Mount("tmpfs", b.path("place"), "tmpfs", unix.MS_REMOUNT|flags, "size=16k")
}

// TestReadOnlyLedger: a ledger that can't be written is the configuration's trouble, whether that shows where it is opened or,
// because a file can be opened for reading all the same, at the first write.
func TestReadOnlyLedger(t *testing.T) {
	for _, c := range []struct {
		name  string
		bound func(b *bench) string // what is made read-only
		reads bool
	}{
		{"its disk", func(b *bench) string { return b.path("disk") }, false},
		{"its file alone", func(b *bench) string { return b.path("disk/quarterturn.db") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, whole := asking(t)
			b.must(os.Mkdir(b.path("disk"), 0o700))
			moved(t, b.stage, b.path("disk"))
			path := c.bound(b)
			if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
				fmt.Printf("NOT RUN: %s: nothing can be mounted here: %v\n", t.Name(), err)
				b.must(b.reopen(b.ctx))
				t.SkipNow()
			}
			t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
			b.must(unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			for _, args := range spoiltLines() {
				code, said := spoken(b, handed(b), args...)
				refused := code == exitUsage && strings.Contains(said, "it cannot be written") &&
					strings.Contains(said, "Make the file and its folder writable")
				if !refused && (!c.reads || writes(args) || code != exitDone) && args[0] != "config" {
					t.Errorf("%v: exit code %d: %s", args, code, said)
				}
			}
			after, err := os.ReadFile(b.path("disk/quarterturn.db"))
			b.must(err)
			if !bytes.Equal(after, whole) {
				t.Error("the file was changed")
			}
			b.must(unix.Unmount(path, 0))
			b.must(b.reopen(b.ctx))
			b.submits(exitDone, b.fresh, portal()...)
			b.does(exitDone, "run")
			b.does(exitDone, "audit", "verify")
		})
	}
}

func writes(args []string) bool {
	return args[0] == "run" || args[0] == "submit" || args[0] == "abandon"
}

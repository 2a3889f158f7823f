package dotenv

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// temporary is the new file before it takes the old one's name. Until the very end it has mode 0600.
type temporary struct {
	root *os.Root
	file *os.File
	name string
}

// mark tells our temporary files: ".NAME.quarterturn-RANDOM", beside NAME.
func (f *folder) mark() string { return "." + f.name + ".quarterturn-" }

func (f *folder) temporary() (*temporary, error) {
	name := f.mark() + rand.Text()
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &temporary{root: f.root, file: file, name: name}, nil
}

// discard removes what was not renamed.
func (t *temporary) discard() {
	_ = t.file.Close()
	_ = t.root.Remove(t.name)
}

// fill writes data, gives it the owner of was, a time later than was, and makes it last.
func (t *temporary) fill(data []byte, was snapshot, at time.Time) error {
	if _, err := t.file.Write(data); err != nil {
		return err
	}
	if err := t.own(was); err != nil {
		return err
	}
	if err := t.stamp(at, was.changed()); err != nil {
		return err
	}
	return t.file.Sync()
}

func (t *temporary) own(was snapshot) error {
	if was.info == nil {
		return nil
	}
	mine, err := t.file.Stat()
	if err != nil {
		return err
	}
	want, have := stat(was.info), stat(mine)
	if want.Uid == have.Uid && want.Gid == have.Gid {
		return nil
	}
	if err := t.file.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return refuse("the file belongs to user %d and group %d, and this user cannot keep it so; nothing was changed: "+
			"run as that user, or as root", want.Uid, want.Gid)
	}
	return nil
}

// stamp makes the time of change grow with every write, whatever the clock and the file system's precision do. This is
// what keeps a version from coming back when the same bytes and a recycled inode do.
func (t *temporary) stamp(at, was time.Time) error {
	steps := []time.Duration{time.Nanosecond, time.Microsecond, time.Millisecond, time.Second, 3 * time.Second}
	for _, step := range steps {
		if !at.After(was) {
			at = was.Add(step)
		}
		if err := t.root.Chtimes(t.name, at, at); err != nil {
			return err
		}
		info, err := t.file.Stat()
		if err != nil || info.ModTime().After(was) {
			return err
		}
		at = was
	}
	return errors.New("the file system keeps no times of change")
}

// rename is the one step in which readers see the new file. Its mode is opened up, if at all, at the last moment, and
// never further than the file it replaces.
func (t *temporary) rename(name string, was snapshot) error {
	if was.info != nil {
		if err := t.file.Chmod(was.info.Mode().Perm()); err != nil {
			return err
		}
		if err := t.inherit(was); err != nil {
			return err
		}
	}
	return t.root.Rename(t.name, name)
}

// leftovers are temporary files of writes that were killed. They hold secrets. Only call it under the lock: without it
// a living write has one too.
func (f *folder) leftovers() ([]string, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	all, err := dir.ReadDir(-1)
	var names []string
	for _, e := range all {
		if strings.HasPrefix(e.Name(), f.mark()) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (f *folder) sweep() error {
	names, err := f.leftovers()
	for _, name := range names {
		if e := f.root.Remove(name); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

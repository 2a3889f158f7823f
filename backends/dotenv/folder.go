package dotenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"quarterturn/backends"
)

const (
	limit = 1 << 20 // bytes; a larger file is no .env file
	hops  = 8       // links followed inside the folder
	looks = 3       // tries to read a file that somebody is rewriting in place
)

// folder is the one directory that a call works in. It is opened once and every name is taken inside it, so that nobody
// can slip another directory under a running call.
type folder struct {
	root *os.Root
	path string
	name string // the file itself, behind links inside the folder
}

// enter opens the folder of base and finds the file that base stands for.
func enter(path, base string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("%s: there is no such folder; nothing was changed: create it, or correct the path", path)
	}
	if err != nil {
		return nil, explain("opening the folder "+path, err)
	}
	return &folder{root: root, path: path, name: base}, nil
}

func (f *folder) leave() { _ = f.root.Close() }

func (f *folder) file() string { return filepath.Join(f.path, f.name) }

// resolve follows links from one name in the folder to another, and refuses every other link.
func (f *folder) resolve() error {
	for range hops {
		info, err := f.root.Lstat(f.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return explain("looking at "+f.file(), err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return f.regular(info)
		}
		if err := f.follow(); err != nil {
			return err
		}
	}
	return refuse("%s: too many links; nothing was changed: name the file itself", f.file())
}

func (f *folder) follow() error {
	to, err := f.root.Readlink(f.name)
	if err != nil {
		return explain("reading the link "+f.file(), err)
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(f.path, to)
	}
	here, err := f.root.Stat(".")
	if err != nil {
		return explain("looking at "+f.path, err)
	}
	if there, err := os.Stat(filepath.Dir(to)); err != nil || !os.SameFile(here, there) {
		return refuse("%s is a link out of its folder; nothing was changed: name the file it points to in the configuration", f.file())
	}
	f.name = filepath.Base(to)
	return nil
}

func (f *folder) regular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return refuse("%s is not a regular file; nothing was changed: name a file", f.file())
	}
	return nil
}

// lock waits until no other quarterturn works in this folder. It locks the folder itself, so that no lock file is left
// behind; editors do not know of it, which is why replace looks again.
func (f *folder) lock(ctx context.Context) (unlock func(), err error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, explain("opening the folder "+f.path, err)
	}
	got := make(chan error, 1)
	go func() { got <- flock(dir, syscall.LOCK_EX) }()
	select {
	case err := <-got:
		if err != nil {
			_ = dir.Close()
			return nil, explain("locking the folder "+f.path, err)
		}
		return func() { _ = dir.Close() }, nil
	case <-ctx.Done():
		go func() { <-got; _ = dir.Close() }()
		return nil, ctx.Err()
	}
}

// tryLock is lock for somebody who has no reason to wait.
func (f *folder) tryLock() (unlock func(), free bool) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, false
	}
	if flock(dir, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = dir.Close()
		return nil, false
	}
	return func() { _ = dir.Close() }, true
}

func flock(dir *os.File, how int) error {
	for {
		if err := syscall.Flock(int(dir.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}

// snapshot is the file at one moment; info is nil when there was none.
type snapshot struct {
	data []byte
	info fs.FileInfo
}

func (s snapshot) changed() time.Time {
	if s.info == nil {
		return time.Time{}
	}
	return s.info.ModTime()
}

func (s snapshot) same(t snapshot) bool {
	if s.info == nil || t.info == nil {
		return s.info == nil && t.info == nil
	}
	return still(s.info, t.info) && bytes.Equal(s.data, t.data)
}

func still(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func stat(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

// look reads the file. Somebody who rewrites it in place can be met half-way, so the file must stand still meanwhile.
func (f *folder) look() (snapshot, error) {
	for range looks {
		s, calm, err := f.glance()
		if errors.Is(err, fs.ErrNotExist) {
			return snapshot{}, nil
		}
		if err != nil {
			return snapshot{}, explain("reading "+f.file(), err)
		}
		if calm {
			return s, nil
		}
	}
	return snapshot{}, explain("reading "+f.file(), errors.New("somebody is rewriting it: run again"))
}

func (f *folder) glance() (snapshot, bool, error) {
	file, err := f.root.OpenFile(f.name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return snapshot{}, false, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return snapshot{}, false, err
	}
	if err := f.regular(before); err != nil {
		return snapshot{}, false, err
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if len(data) > limit {
		return snapshot{}, false, refuse("%s is larger than 1 MiB; nothing was changed: name a .env file", f.file())
	}
	after, err2 := file.Stat()
	if err := errors.Join(err, err2); err != nil {
		return snapshot{}, false, err
	}
	return snapshot{data, after}, still(before, after) && after.Size() == int64(len(data)), nil
}

// replace puts data in the place of was, in one step, if the file is still was: backends.ErrChanged otherwise.
func (f *folder) replace(ctx context.Context, was snapshot, data []byte, at time.Time) error {
	temp, err := f.temporary()
	if err != nil {
		return explain("creating a file in "+f.path, err)
	}
	defer temp.discard()
	if err := temp.fill(data, was, at); err != nil {
		return explain("writing in "+f.path, err)
	}
	if err := f.unchanged(ctx, was); err != nil {
		return err
	}
	if err := temp.rename(f.name, was); err != nil {
		return explain("replacing "+f.file(), err)
	}
	return f.sync()
}

// unchanged is the last look before the rename: editors take no lock.
func (f *folder) unchanged(ctx context.Context, was snapshot) error {
	now, err := f.look()
	if err != nil {
		return err
	}
	if !now.same(was) {
		return backends.ErrChanged
	}
	return ctx.Err()
}

// sync makes the rename last. Some file systems know no such thing, and say so.
func (f *folder) sync() error {
	dir, err := f.root.Open(".")
	if err == nil {
		defer dir.Close()
		err = dir.Sync()
	}
	if err == nil || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return fmt.Errorf("%s was replaced, but may not survive a power failure: run again: %w", f.file(), err)
}

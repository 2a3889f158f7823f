package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"quarterturn/rotator"
)

// Copy is a backup that was written or put back.
type Copy struct {
	Report Report // of its own chains and digests
	Digest string // SHA-256 of the file, lower-case hex
	Kept   string // restore: where the ledger that was there is now, "" when there was none
}

// ErrNotOlder: the ledger that is there knows something that the backup does not.
var ErrNotOlder = errors.New("the ledger that is there knows what the backup does not")

// Backup writes a whole, consistent copy to a new file of mode 0600 while others go on writing, and verifies that copy.
// An existing file is never touched: fs.ErrExist. ErrDamaged: the copy does not verify, and so neither does the ledger. After an
// error there is no file.
func (l *SQLite) Backup(ctx context.Context, file string) (c Copy, err error) {
	if _, err := os.Lstat(file); err == nil {
		return c, fmt.Errorf("%s is there already; nothing was written: %w", file, fs.ErrExist)
	}
	tmp, err := aside(file)
	if err != nil {
		return c, err
	}
	defer remove(tmp)
	if _, err := l.db.ExecContext(ctx, `VACUUM INTO ?`, tmp); err != nil {
		return c, l.fault(err)
	}
	if c, err = verified(ctx, tmp, l.now, nil); err != nil {
		return c, fmt.Errorf("the copy is no good, and was taken away again: %w", err)
	}
	if err := os.Link(tmp, file); err != nil {
		return c, fmt.Errorf("%s cannot be written; nothing was left behind: %w", file, plain(err))
	}
	return c, syncFolder(filepath.Dir(file))
}

// plain drops the paths of an error of the file system.
func plain(err error) error {
	for _, kind := range []error{fs.ErrExist, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return ErrDisk
}

// aside makes an empty file of mode 0600 beside path.
func aside(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return "", fmt.Errorf("nothing can be written beside %s; nothing was changed: %w", path, plain(err))
	}
	return f.Name(), f.Close()
}

// remove takes away a file that became nothing, with what SQLite keeps beside it.
func remove(path string) {
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + end)
	}
}

// verified opens a copy as a ledger, has change look at it, checks every chain and digest, and closes it into one file on disk.
func verified(ctx context.Context, path string, now func() time.Time, change func(*SQLite) error) (c Copy, err error) {
	l, err := OpenSQLite(ctx, path, now, Options{})
	if err != nil {
		return c, err
	}
	c.Report, err = l.Verify(ctx)
	if err == nil && len(c.Report.Problems) > 0 {
		p := c.Report.Problems[0]
		err = fmt.Errorf("%w: %s event %d: %s", ErrDamaged, p.Chain, p.Seq, p.What)
	}
	if err == nil && change != nil {
		err = change(l)
	}
	if err = errors.Join(err, l.Close()); err != nil {
		return c, err
	}
	c.Digest, err = settled(path)
	return c, err
}

// settled brings a file to the disk and returns its digest.
func settled(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", ErrDisk
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Restore puts a backup in the place of the ledger at path, marked as restored: no pass works on it until it was reconciled. The
// ledger that was there is kept beside it under a dated name. At every moment there is one whole ledger at path, if
// there was one before. Without force it is ErrNotOlder when that ledger has events that the backup lacks. ErrLocked:
// somebody has it open. ErrForeign, ErrDamaged: file is no ledger, or does not verify. After an error nothing was changed.
func Restore(ctx context.Context, path, file string, now func() time.Time, force bool) (c Copy, err error) {
	tmp, err := fetched(path, file)
	if err != nil {
		return c, err
	}
	defer remove(tmp)
	c, err = verified(ctx, tmp, now, func(l *SQLite) error {
		if err := l.marked(ctx); err != nil || force {
			return err
		}
		return l.covers(ctx, path)
	})
	if err != nil {
		return c, fmt.Errorf("%s was not put back: %w", file, err)
	}
	if c.Kept, err = keptAside(ctx, path, now().UTC()); err != nil {
		return c, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return c, fmt.Errorf("ledger %s: the backup cannot take its place: %w", path, plain(err))
	}
	return c, syncFolder(filepath.Dir(path))
}

// fetched copies file beside path, where it can be changed and renamed. What a restore left that was killed is taken away.
func fetched(path, file string) (string, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s cannot be read; nothing was changed: %w", file, plain(err))
	case !info.Mode().IsRegular() || info.Size() == 0:
		return "", fmt.Errorf("%s: %w. Nothing was changed", file, ErrForeign)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), filepath.Base(path)+".part-*"))
	for _, old := range left {
		_ = os.Remove(old)
	}
	tmp, err := aside(path)
	if err != nil {
		return "", err
	}
	if err := copied(file, tmp); err != nil {
		remove(tmp)
		return "", fmt.Errorf("%s cannot be copied; nothing was changed: %w", file, plain(err))
	}
	return tmp, nil
}

func copied(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (l *SQLite) marked(ctx context.Context) error {
	return l.write(ctx, func(s session) error {
		at := s.now.Format(time.RFC3339)
		return errors.Join(s.mark(markRestored, at), s.chain(rotator.Event{Rotation: "ledger", Kind: "restored", Who: "quarterturn",
			Text: "this copy was put in the ledger's place: it may be older than the world"}))
	})
}

// covers refuses when the ledger at path has an event that this copy lacks. One that can't be opened hinders nobody.
func (l *SQLite) covers(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	there, err := OpenSQLite(ctx, path, l.now, Options{Wait: time.Second})
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrDamaged) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = there.Close() }()
	newest, err := there.newest(ctx)
	if err != nil || newest == "" {
		return err
	}
	found, err := l.has(ctx, newest)
	if err == nil && !found {
		err = fmt.Errorf("ledger %s: %w: it is newer, or another one. Nothing was changed", path, ErrNotOlder)
	}
	return err
}

// newest is the hash of the last event, "" when there is none.
func (l *SQLite) newest(ctx context.Context) (hash string, err error) {
	err = l.look(ctx, func(s session) error {
		return s.row([]any{&hash}, `SELECT COALESCE((SELECT hash FROM events ORDER BY n DESC LIMIT 1), '')`)
	})
	return hash, err
}

func (l *SQLite) has(ctx context.Context, hash string) (found bool, err error) {
	err = l.look(ctx, func(s session) error {
		return s.row([]any{&found}, `SELECT EXISTS (SELECT 1 FROM events WHERE hash = ?)`, hash)
	})
	return found, err
}

// keptAside gives the ledger at path a second, dated name, once nobody else has it open and all of it is in one file. A
// damaged one keeps its write-ahead log beside that name: over the restored file it would be poison.
func keptAside(ctx context.Context, path string, now time.Time) (string, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	kept := path + ".replaced-" + now.Format("20060102T150405Z")
	for i := 2; exists(kept); i++ {
		kept = fmt.Sprintf("%s.replaced-%s-%d", path, now.Format("20060102T150405Z"), i)
	}
	if err := alone(ctx, path); err != nil {
		return "", err
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+end, kept+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("ledger %s: its write-ahead log cannot be kept: %w. Nothing was changed", path, plain(err))
		}
	}
	if err := os.Link(path, kept); err != nil {
		return "", fmt.Errorf("ledger %s: it cannot be kept beside the backup: %w. Nothing was changed", path, plain(err))
	}
	return kept, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// alone empties the write-ahead log and ends it, which SQLite does only for somebody who is alone. A file that is no
// ledger, or a damaged one, is left as it is.
func alone(ctx context.Context, path string) error {
	l := &SQLite{path: path, o: Options{Wait: time.Second}}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	db, err := l.writer(abs)
	if err != nil {
		return l.fault(err)
	}
	var mode string
	err = db.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	err = l.fault(errors.Join(err, db.Close()))
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrDamaged) {
		return nil
	}
	if err == nil && mode != "delete" {
		return fmt.Errorf("ledger %s: %w. Stop every run, then restore again", path, ErrLocked)
	}
	return err
}

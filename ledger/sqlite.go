package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite": no cgo

	"quarterturn/rotator"
)

// Options are the ledger's numbers. Zero fields take the defaults named here.
type Options struct {
	KeepCalls time.Duration // how long vendor calls are kept: 400 days; less than 30 days is refused
	Wait      time.Duration // how long a write waits for another process's: 5 s
	Gap       time.Duration // between two smoke calls with one key to one host: 1 s
	Failing   int           // smoke calls with one key that may fail within Window: 3
	Window    time.Duration // 10 minutes; seconds for a vendor that is simulated on this machine
}

const (
	day         = 24 * time.Hour
	defaultKeep = 400 * day
	leastKeep   = 30 * day
)

func (o Options) withDefaults() (Options, error) {
	if o.KeepCalls < 0 || o.KeepCalls > 0 && o.KeepCalls < leastKeep {
		return o, fmt.Errorf("vendor calls must be kept for 30 days or longer; nothing was opened")
	}
	if o.Wait < 0 || o.Gap < 0 || o.Failing < 0 || o.Window < 0 {
		return o, fmt.Errorf("a ledger's limits cannot be negative; nothing was opened")
	}
	o.KeepCalls = or(o.KeepCalls, defaultKeep)
	o.Wait = or(o.Wait, 5*time.Second)
	o.Gap = or(o.Gap, time.Second)
	o.Failing = or(o.Failing, 3)
	o.Window = or(o.Window, 10*time.Minute)
	return o, nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// SQLite is a ledger in one file, safe for concurrent use by many goroutines and by many processes of one machine. Not
// for network file systems: their locks cannot be relied on.
type SQLite struct {
	path  string
	now   func() time.Time
	o     Options
	db    *sql.DB     // the one connection that writes
	seen  *sql.DB     // connections that can only read, and so see committed data only
	wiped atomic.Bool // the write-ahead log may still hold wiped ciphertext
}

var _ rotator.Ledger = (*SQLite)(nil)

// OpenSQLite opens the ledger at path, whose folder must exist; a new file gets mode 0600. It brings an older schema up
// to date. ErrNewer, ErrForeign, ErrDamaged, ErrLocked, ErrReadOnly and ErrFull say why not; then nothing was changed.
func OpenSQLite(ctx context.Context, path string, now func() time.Time, o Options) (*SQLite, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &SQLite{path: path, now: now, o: o}
	abs, err := l.prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.connect(ctx, abs); err != nil {
		l.drop()
		return nil, l.fault(err)
	}
	return l, nil
}

// Close empties the write-ahead log into the file and closes both. The ledger can't be used afterwards.
func (l *SQLite) Close() error {
	// Without readers of its own the checkpoint waits for nobody but other processes.
	err := l.seen.Close()
	_, full := l.truncate(context.Background())
	return l.fault(errors.Join(err, full, l.db.Close()))
}

func (l *SQLite) drop() {
	for _, db := range []*sql.DB{l.seen, l.db} {
		if db != nil {
			_ = db.Close()
		}
	}
}

func (l *SQLite) connect(ctx context.Context, abs string) error {
	err := l.glance(ctx, abs)
	if err != nil {
		return err
	}
	if l.db, err = l.writer(abs); err != nil {
		return err
	}
	if err := migrate(ctx, l.db); err != nil {
		return err
	}
	if l.seen, err = sql.Open("sqlite", l.dsn(abs, url.Values{"mode": {"ro"}}, "query_only(ON)")); err != nil {
		return err
	}
	l.seen.SetMaxOpenConns(4)
	return l.seen.PingContext(ctx)
}

// glance refuses another program's database before the writer connects: that alone would switch its journal to WAL.
func (l *SQLite) glance(ctx context.Context, abs string) error {
	db, err := sql.Open("sqlite", l.dsn(abs, url.Values{"mode": {"ro"}}, "query_only(ON)"))
	if err != nil {
		return err
	}
	defer db.Close()
	err = ours(ctx, db)
	if errors.Is(err, ErrForeign) || errors.Is(l.fault(err), ErrLocked) { // one wait is enough
		return err
	}
	return nil // whatever else is wrong, the writer meets too
}

// writer has one connection: SQLite has one writer at a time, and waiting for it in the pool is fair and needs no
// polling.
func (l *SQLite) writer(abs string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", l.dsn(abs, url.Values{"_txlock": {"immediate"}},
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "secure_delete(ON)"))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// dsn escapes the path: a folder may be called "50%?".
func (l *SQLite) dsn(abs string, v url.Values, pragmas ...string) string {
	v["_pragma"] = append([]string{fmt.Sprintf("busy_timeout(%d)", l.o.Wait.Milliseconds())}, pragmas...)
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: v.Encode()}).String()
}

// prepare makes sure that there is a file, and returns its absolute path.
func (l *SQLite) prepare(ctx context.Context) (string, error) {
	abs, err := filepath.Abs(l.path)
	if l.path == "" || err != nil {
		return "", fmt.Errorf("the ledger needs the path of a file; nothing was opened")
	}
	if info, err := os.Stat(filepath.Dir(abs)); err != nil || !info.IsDir() {
		return "", fmt.Errorf("ledger %s: its folder does not exist or cannot be read; nothing was created. "+
			"Create the folder, or mend `ledger` in the configuration", l.path)
	}
	if missing(abs) {
		if err := l.create(ctx, abs); err != nil && missing(abs) { // somebody else's is as good
			return "", err
		}
	}
	sweepNew(abs)
	return abs, inspect(l.path, abs)
}

func missing(abs string) bool {
	_, err := os.Lstat(abs)
	return errors.Is(err, fs.ErrNotExist)
}

// newMark follows the ledger's name in that of one that is being made.
const newMark = ".new-"

// sweepNew removes what commands left that were killed while they made the ledger, now that there is one: half-made files, or
// a second name of the ledger itself. Whoever is making one still finds that this one is there.
func sweepNew(abs string) {
	all, _ := os.ReadDir(filepath.Dir(abs))
	for _, e := range all {
		if strings.HasPrefix(e.Name(), filepath.Base(abs)+newMark) && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(filepath.Dir(abs), e.Name()))
		}
	}
}

// create builds a new ledger beside its place and links it there when it is whole: processes that start together on a
// new ledger then never meet on a half-made one. The file has mode 0600 before SQLite opens it; SQLite would leave that
// to the umask, and gives -wal and -shm the mode of the file.
func (l *SQLite) create(ctx context.Context, abs string) error {
	f, err := os.CreateTemp(filepath.Dir(abs), filepath.Base(abs)+newMark+"*")
	if err != nil {
		return l.uncreated()
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return l.uncreated()
	}
	if err := l.build(ctx, f.Name()); err != nil {
		return l.fault(err)
	}
	if err := os.Link(f.Name(), abs); err != nil && !errors.Is(err, fs.ErrExist) {
		return l.uncreated()
	}
	return nil
}

// build leaves one file: closing the only connection empties the write-ahead log into it.
func (l *SQLite) build(ctx context.Context, abs string) error {
	db, err := l.writer(abs)
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, db), db.Close())
}

func (l *SQLite) uncreated() error {
	return fmt.Errorf("ledger %s: it cannot be created here; nothing was changed. Make its folder writable for this "+
		"user, on a local file system, or mend `ledger` in the configuration", l.path)
}

// inspect refuses what is no file of ours alone. Group rights are left: Kubernetes sets them on mounted volumes.
func inspect(path, abs string) error {
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		return fmt.Errorf("ledger %s: it cannot be looked at; nothing was changed. Check the rights of its folder", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("ledger %s: not a regular file; nothing was changed. Mend `ledger` in the configuration", path)
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Errorf("ledger %s: every user of this machine can reach it (mode %04o); nothing was changed. "+
			"Run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// truncate moves the write-ahead log into the file and empties it. Done is false while somebody else reads.
func (l *SQLite) truncate(ctx context.Context) (done bool, err error) {
	var busy, pages, moved int64
	err = l.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	return err == nil && busy == 0, err
}

// sweep finishes a wipe. It reports nothing: the wipe itself is committed, and the next write sweeps again.
func (l *SQLite) sweep(ctx context.Context) {
	if !l.wiped.Swap(false) {
		return
	}
	if done, _ := l.truncate(context.WithoutCancel(ctx)); !done {
		l.wiped.Store(true)
	}
}

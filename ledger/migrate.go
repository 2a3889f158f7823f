package ledger

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table that says which schema a ledger has; no other program's database has it.
const versions = "quarterturn_schema"

// migrate brings the schema up to date. Of processes that start together after an upgrade one wins, and the others find
// it done when they look again.
func migrate(ctx context.Context, db *sql.DB) error {
	const tries = 5
	for try := 1; ; try++ {
		err := raise(ctx, db)
		if err == nil || try == tries || !rerun(err) {
			return err
		}
	}
}

func raise(ctx context.Context, db *sql.DB) error {
	if err := ours(ctx, db); err != nil {
		return err
	}
	p, err := provider(db)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("%w (schema %d, this program knows %d)", ErrNewer, current, target)
	}
	if current < target {
		_, err = p.Up(ctx)
	}
	return err
}

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName(versions),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// ours refuses another program's database before anything is written to it.
func ours(ctx context.Context, db *sql.DB) error {
	var tables, known int
	err := db.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN name = ? THEN 1 END) FROM sqlite_master
		WHERE type = 'table'`, versions).Scan(&tables, &known)
	if err != nil || known == 0 {
		if err == nil && tables > 0 {
			return ErrForeign
		}
		return err
	}
	// goose takes a version table that can't be read, damaged or locked, for one that is missing.
	var version sql.NullInt64
	return db.QueryRowContext(ctx, `SELECT max(version_id) FROM `+versions).Scan(&version)
}

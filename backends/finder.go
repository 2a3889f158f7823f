package backends

import (
	"context"

	"quarterturn/secret"
)

// Found is one location that holds at least one field of a pair somebody looked for.
type Found struct {
	Where  string            // as the place's configuration names it, absolute
	Fields map[string]string // field → the entry that holds it
	Others []string          // entries that hold one of these fields too
}

// Finder looks for a pair where no place is configured yet.
type Finder interface {
	// Find looks in dir and below, changes nothing and follows no link. The notes name what it could not look at, without
	// a value. An error means that it could not look at all.
	Find(ctx context.Context, dir string, m secret.Material) ([]Found, []string, error)
}

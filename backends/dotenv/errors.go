package dotenv

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"quarterturn/backends"
)

// refusal is an error that only a person can mend. Its text stands alone, so that it can say what to do.
type refusal string

func (r refusal) Error() string { return string(r) }

// Unwrap makes it an ErrForbidden: it is never retried by itself.
func (r refusal) Unwrap() error { return backends.ErrForbidden }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// explain turns what the system said into what happened, what is broken and what to do. Nothing has been changed where
// it is called.
func explain(doing string, err error) error {
	var full = errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(refusal)), errors.Is(err, backends.ErrChanged):
		return err
	case full:
		return fmt.Errorf("%s: there is no room left, or a quota is used up; nothing was changed: make room and run again: %w", doing, err)
	case errors.Is(err, syscall.EROFS): // a disk in trouble is remounted so, and comes back: nobody has to resume for that
		return fmt.Errorf("%s: the file system is read-only; nothing was changed: mount it writable and run again: %w", doing, err)
	case errors.Is(err, fs.ErrPermission):
		return refuse("%s: permission denied; nothing was changed: give this user the right, or run as the user who has it", doing)
	}
	return fmt.Errorf("%s: nothing was changed: %w", doing, err)
}

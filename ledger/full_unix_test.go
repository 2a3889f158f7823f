//go:build unix

package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRestoreThatDoesNotFit: a copy that cannot be written whole is taken away again, and the ledger stays.
func TestRestoreThatDoesNotFit(t *testing.T) {
	l, clock, path, file := kept(t)
	allRight(t, l.Close())
	was, err := os.ReadFile(path)
	allRight(t, err)
	var limit syscall.Rlimit
	allRight(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = uint64(len(was) / 2)
	allRight(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	_, got := Restore(t.Context(), path, file, clock.Now, true)
	allRight(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	if !errors.Is(got, ErrDisk) || !strings.Contains(got.Error(), "cannot be copied; nothing was changed") {
		t.Errorf("error is %v", got)
	}
	now, err := os.ReadFile(path)
	left, _ := filepath.Glob(path + ".*")
	if err != nil || string(was) != string(now) || len(left) > 0 {
		t.Errorf("the ledger was changed, or there is more: %v, %v", left, err)
	}
}

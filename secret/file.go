package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrFile is wrapped by the refusals of CheckFile; a missing file is fs.ErrNotExist.
var ErrFile = errors.New("secret: refused to read the file")

// CheckFile says whether a key file may be trusted: a regular file that its owner alone may use (0600 or stricter), or
// that a group may read and nobody may write (0440, what Kubernetes mounts under an fsGroup). Links are followed, since
// Kubernetes mounts are links: the target counts. Errors name the path, the mode and the remedy.
func CheckFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such key file; nothing was changed: create it, or correct the path: %w", path, fs.ErrNotExist)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a regular file", ErrFile, path)
	case !private(info.Mode().Perm()):
		return fmt.Errorf("%w: %s has mode %#o, a key file must be 0600 or stricter: run chmod 600 %s "+
			"(in a Kubernetes volume set defaultMode: 0400)", ErrFile, path, info.Mode().Perm(), path)
	}
	return nil
}

func private(mode fs.FileMode) bool { return mode&^0o600 == 0 || mode == 0o440 }

// CreateFile writes content to a new file of mode 0600 and returns once it would survive a loss of power. An existing
// file is never touched: fs.ErrExist. After any other error there is no file.
func CreateFile(path string, content Value) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content.Reveal())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// syncFolder makes the name itself durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fileLimit is more than any password or token is long, in bytes.
const fileLimit = 64 << 10

// ReadFile reads a secret that stands alone in a file that CheckFile trusts, without the line break at its end. ErrFile:
// it is empty, longer than 64 KiB, or more than one line. Errors never show what it holds.
func ReadFile(path string) (Value, error) {
	if err := CheckFile(path); err != nil {
		return Value{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return Value{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err != nil {
		return Value{}, err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" || len(b) > fileLimit || strings.ContainsAny(text, "\r\n\x00") {
		return Value{}, fmt.Errorf("%w: %s must hold one line, the secret alone", ErrFile, path)
	}
	return New(text), nil
}

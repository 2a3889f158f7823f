package secret

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// AddKey puts a fresh key first in a key file, in one step that no reader can see half of; mode and the other lines stay.
// It returns the key's id. Links are followed. Errors as in LoadKeys, or of the file system; after any of them the file
// is as it was.
func AddKey(path string) (id string, err error) {
	if _, err := LoadKeys(path); err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	was, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = was.Close() }()
	line := NewKey()
	if err := addLine(path, line, was); err != nil {
		return "", err
	}
	id, _, _ = strings.Cut(line, ":")
	return id, nil
}

// addLine first takes away what a process left that was killed here.
func addLine(path, line string, was *os.File) error {
	left, _ := filepath.Glob(path + ".new-*")
	for _, old := range left {
		_ = os.Remove(old)
	}
	info, err := was.Stat()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.MultiReader(strings.NewReader(line+"\n"), was))
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

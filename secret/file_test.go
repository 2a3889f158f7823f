package secret_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarterturn/secret"
)

func TestCheckFileModes(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o440: true,
		0o640: false, 0o644: false, 0o660: false, 0o666: false, 0o700: false, 0o444: false, 0o604: false, 0o460: false,
		0o602: false, 0o500: false, 0o441: false,
	} {
		path := filepath.Join(t.TempDir(), "seal.key")
		write(t, path, mode)
		err := secret.CheckFile(path)
		if (err == nil) != ok {
			t.Errorf("%#o: %v", mode, err)
		}
		if !ok {
			says(t, err, secret.ErrFile, path, fmt.Sprintf("%#o", mode), "chmod 600 "+path)
		}
	}
}

// says checks the error's kind and that it names all that a person needs.
func says(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v is not %v", err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %q", err, word)
		}
	}
}

func write(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chmod(path, mode))
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheckFileInAKubernetesVolume: the file is a link into a folder that is a link, and both can be retargeted.
func TestCheckFileInAKubernetesVolume(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{0o440: true, 0o400: true, 0o640: false, 0o644: false} {
		volume := t.TempDir()
		err := errors.Join(
			os.Mkdir(filepath.Join(volume, "..2026_11_23"), 0o755),
			os.Symlink("..2026_11_23", filepath.Join(volume, "..data")),
			os.Symlink(filepath.Join("..data", "seal.key"), filepath.Join(volume, "seal.key")))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(volume, "..2026_11_23", "seal.key"), mode)
		if err := secret.CheckFile(filepath.Join(volume, "seal.key")); (err == nil) != ok {
			t.Errorf("%#o: %v", mode, err)
		}
	}
}

func TestCheckFileRefusesWhatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	missing, dangling, inFile := filepath.Join(folder, "missing"), filepath.Join(folder, "dangling"), filepath.Join(folder, "f", "x")
	write(t, filepath.Join(folder, "f"), 0o600)
	if err := os.Symlink(missing, dangling); err != nil {
		t.Fatal(err)
	}
	says(t, secret.CheckFile(folder), secret.ErrFile, folder, "not a regular file")
	says(t, secret.CheckFile(os.DevNull), secret.ErrFile, os.DevNull)
	says(t, secret.CheckFile(missing), fs.ErrNotExist, missing)
	says(t, secret.CheckFile(dangling), fs.ErrNotExist, dangling)
	if err := secret.CheckFile(inFile); err == nil || !strings.Contains(err.Error(), inFile) {
		t.Errorf("below a file: %v", err)
	}
}

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprint.key")
	if err := secret.CreateFile(path, secret.New("first")); err != nil {
		t.Fatal(err)
	}
	if err := secret.CheckFile(path); err != nil {
		t.Error(err)
	}
	if err := secret.CreateFile(path, secret.New("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "first" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := secret.CreateFile(filepath.Join(path, "x"), secret.New("x")); err == nil {
		t.Error("a file was created below a file")
	}
}

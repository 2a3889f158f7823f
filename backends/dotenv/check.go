package dotenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"quarterturn/backends"
)

// Check implements backends.Checker. It changes nothing: it names what a killed write left, which the next Put removes.
func (p *Place) Check(ctx context.Context) (backends.Readiness, error) {
	r := backends.Readiness{Best: backends.ReadBack, Fencing: "version", Writing: "atomic"}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	f, err := enter(p.folder, p.base)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		return r, nil
	}
	defer f.leave()
	if err := f.resolve(); err != nil {
		r.Problems = append(r.Problems, err.Error())
		return r, nil
	}
	r.Problems = append(f.checkFolder(), p.checkFile(f)...)
	r.Notes = append(p.notes(f), f.checkGit(ctx)...)
	return r, nil
}

func (f *folder) checkFolder() []string {
	dir, err := f.root.Open(".")
	if err != nil {
		return []string{explain("opening the folder "+f.path, err).Error()}
	}
	defer dir.Close()
	var bad []string
	if err := unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		bad = append(bad, explain("trying whether "+f.path+" is writable", err).Error())
	}
	if err := flock(dir, syscall.LOCK_EX|syscall.LOCK_NB); err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		bad = append(bad, fmt.Sprintf("%s cannot be locked: keep the file on a local disk", f.path))
	}
	return bad
}

// checkFile tells everything about the file that would stop a Put, or make one unsafe.
func (p *Place) checkFile(f *folder) []string {
	was, _, err := p.look(f)
	if err != nil {
		return []string{err.Error()}
	}
	if was.info == nil {
		return nil
	}
	var bad []string
	if err := f.alone(was); err != nil {
		bad = append(bad, err.Error())
	}
	if uid := stat(was.info).Uid; os.Geteuid() != 0 && int(uid) != os.Geteuid() {
		bad = append(bad, fmt.Sprintf("%s belongs to user %d, which a write could not keep: run as that user, or as root", f.file(), uid))
	}
	if mode := was.info.Mode().Perm(); mode&0o007 != 0 {
		bad = append(bad, fmt.Sprintf("%s has mode %#o, so every user of this machine can get at it: chmod o= %[1]s", f.file(), mode))
	}
	return bad
}

// alone refuses a file with a second name: a rename would leave the old pair behind under that one.
func (f *folder) alone(was snapshot) error {
	if was.info != nil && stat(was.info).Nlink > 1 {
		return refuse("%s has another name elsewhere (a hard link), which would keep the old pair; nothing was changed: "+
			"remove the other name, or make it a symbolic link", f.file())
	}
	return nil
}

func (p *Place) notes(f *folder) []string {
	var notes []string
	was, doc, err := p.look(f)
	switch {
	case err != nil: // a problem already
	case was.info == nil:
		notes = append(notes, f.file()+" does not exist yet: it will be created with mode 0600")
	case was.info.Mode().Perm()&0o070 != 0:
		notes = append(notes, fmt.Sprintf("%s has mode %#o, so its group can get at it", f.file(), was.info.Mode().Perm()))
	}
	if err == nil && p.present(doc) {
		_, problems := p.material(doc)
		for _, problem := range problems {
			notes = append(notes, f.file()+": "+problem)
		}
	}
	if names, err := f.leftovers(); err == nil {
		for _, name := range names {
			notes = append(notes, fmt.Sprintf("%s holds secrets: a write is under way, or one was killed; the next write removes it",
				filepath.Join(f.path, name)))
		}
	}
	return notes
}

// checkGit asks git itself, because nobody else knows all of its rules. Hooks and monitors of the repository don't run.
func (f *folder) checkGit(ctx context.Context) []string {
	if !inWorkTree(f.path) {
		return nil
	}
	cmd := exec.CommandContext(ctx, "git", "-c", "core.fsmonitor=false", "-C", f.path, "check-ignore", "--quiet", "--", f.name)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GIT_OPTIONAL_LOCKS=0"}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return []string{fmt.Sprintf("%s lies in a git work tree and is not ignored: add it to .gitignore", f.file())}
	}
	return []string{fmt.Sprintf("%s lies in a git work tree, and git could not say whether it is ignored: make sure that it is", f.file())}
}

func inWorkTree(dir string) bool {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

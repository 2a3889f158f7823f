package dotenv

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// accessList says who else may read a file. Without it the mode's group bits, which mask the list, would become rights
// of the group, so a file that cannot keep its list is not replaced.
const accessList = "system.posix_acl_access"

// inherit copies the extended attributes of the file that is replaced: its access list for certain, others (labels of
// SELinux, attributes of users) where the system lets us.
func (t *temporary) inherit(was snapshot) error {
	old, err := was.open(t.root)
	if err != nil {
		return err
	}
	defer old.Close()
	for _, name := range attributes(old) {
		value, err := attribute(old, name)
		if err == nil {
			err = unix.Fsetxattr(int(t.file.Fd()), name, value, 0)
		}
		if err != nil && name == accessList {
			return refuse("%s has an access list that cannot be kept; nothing was changed: remove the list, or run as the owner", was.info.Name())
		}
	}
	return nil
}

// open opens the file that was looked at, and no other.
func (s snapshot) open(root *os.Root) (*os.File, error) {
	file, err := root.OpenFile(s.info.Name(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !os.SameFile(info, s.info) {
		return nil, errors.Join(err, file.Close(), errors.New("the file was exchanged meanwhile: run again"))
	}
	return file, nil
}

// attributes is empty where the file system has none.
func attributes(file *os.File) []string {
	size, err := unix.Flistxattr(int(file.Fd()), nil)
	if err != nil || size == 0 {
		return nil
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(int(file.Fd()), list); err != nil {
		return nil
	}
	var names []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list[:size], []byte{0}), []byte{0}) {
		names = append(names, string(name))
	}
	return names
}

func attribute(file *os.File, name string) ([]byte, error) {
	value := make([]byte, 1<<16) // the most that Linux allows
	n, err := unix.Fgetxattr(int(file.Fd()), name, value)
	return value[:max(n, 0)], err
}

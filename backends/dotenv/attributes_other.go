//go:build !linux

package dotenv

// inherit has nothing to copy where access lists are no extended attributes.
func (t *temporary) inherit(snapshot) error { return nil }

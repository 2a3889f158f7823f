package command

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of the value under `redeploy: {command: ...}`: a list of strings.
func Schema() []byte { return []byte(schema) }

// The limits of one run where Options leaves them at zero.
const (
	DefaultTimeout = 5 * time.Minute
	DefaultGrace   = 10 * time.Second
)

// Options is what does not stand in the list.
type Options struct {
	Dir     string           // working folder, "" for the one quarterturn was started in
	Timeout time.Duration    // how long the program may run; 0: DefaultTimeout
	Grace   time.Duration    // between SIGTERM and SIGKILL; 0: DefaultGrace
	Now     func() time.Time // required; stamps runs, in UTC
}

// withDefaults fills what was left at zero.
func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	return o
}

// validate refuses what could never run. Arguments are named by position: one could be a secret put there by mistake.
func validate(argv []string, o Options) error {
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("command: no program: give a list such as [systemctl, restart, app]")
	}
	for i, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("command: item %d holds a NUL byte, which no program can be given: remove it", i+1)
		}
	}
	if o.Timeout < 0 || o.Grace < 0 {
		return errors.New("command: a timeout or grace below zero: leave it out for the default")
	}
	if o.Now == nil {
		return errors.New("command: no clock")
	}
	return nil
}

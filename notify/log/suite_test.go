package log

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"quarterturn/notify/notifytest"
)

// sink is a log that can fill up.
type sink struct {
	bytes.Buffer
	full bool
}

func (s *sink) Write(p []byte) (int, error) {
	if s.full {
		return 0, errors.New("no space")
	}
	return s.Buffer.Write(p)
}

func TestSuite(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s := &sink{}
		return notifytest.Bench{Notifier: New(s), Break: func() { s.full = true }, Received: func() (all []string) {
			for line := range bytes.Lines(s.Bytes()) {
				var m map[string]any
				if err := json.Unmarshal(line, &m); err != nil {
					t.Fatal(err)
				}
				all = append(all, fmt.Sprint(m))
			}
			return all
		}}
	})
}

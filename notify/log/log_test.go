package log

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"quarterturn/notify"
)

func TestSend(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		m    notify.Message
		want map[string]any
	}{
		{"a person is awaited", notify.Message{At: at, Kind: notify.Waits, Credential: "bluum", Rotation: "rot-1", What: "revoke it",
			Command: "quarterturn revoked bluum"}, map[string]any{"level": "WARN", "msg": "revoke it", "next": "quarterturn revoked bluum"}},
		{"something is broken", notify.Message{At: at, Kind: notify.Broken, What: "new is dead", Broken: "app"},
			map[string]any{"level": "ERROR", "broken": "app"}},
		{"it is closed", notify.Message{At: at, Kind: notify.Closed, What: "done"}, map[string]any{"level": "INFO", "kind": "closed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := New(&b).Send(t.Context(), c.m); err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(b.Bytes(), &got); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 1 {
				t.Fatalf("%q is not one line of JSON: %v", b.String(), err)
			}
			for k, v := range c.want {
				if got[k] != v {
					t.Errorf("%s is %v, want %v", k, got[k], v)
				}
			}
			if _, there := got["next"]; there != (c.m.Command != "") {
				t.Errorf("next is there: %v", there)
			}
		})
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestSendSaysWhenNothingWasLogged(t *testing.T) {
	if err := New(full{}).Send(t.Context(), notify.Message{}); err == nil {
		t.Error("a message that was not written counts as sent")
	}
}

package notify_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarterturn/notify"
)

var update = flag.Bool("update", false, "write the golden files again")

func message(kind notify.Kind) notify.Message {
	return notify.Message{ID: "msg-0b1c", At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Kind: kind,
		Credential: "bluum-production", Vendor: "bluum", Environment: "production", Rotation: "rot-7f"}
}

func TestText(t *testing.T) {
	reminder := message(notify.Reminder)
	reminder.Rotation, reminder.What, reminder.Command = "", "76 days old: to be rotated within 14 days", "quarterturn rotate bluum-production"
	waits := message(notify.Waits)
	waits.What, waits.Command = "both keys work; revoke the old one", "quarterturn revoked bluum-production"
	escalated := waits
	escalated.Escalated = true
	broken := message(notify.Broken)
	broken.What, broken.Broken, broken.Command = "the new key was refused", "app: its calls are answered 401", "quarterturn rollback bluum-production"
	unawaited := broken
	unawaited.Command = ""
	mended := message(notify.Mended)
	mended.What = "app works again"
	closed := message(notify.Closed)
	closed.What = "the old key is dead; the rotation is closed."
	long := waits
	long.What = strings.Repeat("ü", 300)
	for name, m := range map[string]notify.Message{"reminder": reminder, "waits": waits, "escalated": escalated, "broken": broken,
		"broken-unawaited": unawaited, "mended": mended, "closed": closed, "long": long} {
		t.Run(name, func(t *testing.T) {
			subject, body := notify.Text(m)
			got := "Subject: " + subject + "\n\n" + body
			file := filepath.Join("testdata", name+".golden.txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever stands in a message, a subject is one line and a body has the lines it would have anyway.
func TestTextKeepsItsLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.SampledFrom([]byte("a\r\n\x00\x1b\xe2\x80\xae\xa8\xff."))).Draw(t, "text"))
		m := message(notify.Waits)
		m.What, m.Broken, m.Command = "x", "x", "x"
		_, plain := notify.Text(m)
		m.ID, m.Credential, m.Vendor, m.Rotation = s, s, s, "r"+s
		m.What, m.Broken, m.Command = "x"+s, "x"+s, "x"+s
		subject, body := notify.Text(m)
		if strings.Count(body, "\n") != strings.Count(plain, "\n") || strings.ContainsAny(subject, "\r\n") {
			t.Fatalf("%q\n%q", subject, body)
		}
		if !utf8.ValidString(subject+body) || strings.ContainsAny(subject+body, "\x00\x1b\r\u202e") {
			t.Fatalf("%q\n%q", subject, body)
		}
	})
}

package dotenv

import "testing"

// TestEpochLine: one comment line changes with a write, recognised exactly; every other byte stays.
func TestEpochLine(t *testing.T) {
	for _, c := range []struct {
		name, before string
		was          int64
		epoch        int64
		after        string
	}{
		{"a new file", "", 0, 12, "# quarterturn: epoch 12\nKEY=k\n"},
		{"appended", "A=1\n", 0, 12, "A=1\n# quarterturn: epoch 12\nKEY=k\n"},
		{"appended without a final line end", "A=1", 0, 12, "A=1\n# quarterturn: epoch 12\nKEY=k"},
		{"above the entry", "A=1\nKEY=old\nB=2\n", 0, 12, "A=1\n# quarterturn: epoch 12\nKEY=k\nB=2\n"},
		{"CRLF", "A=1\r\nKEY=old\r\n", 0, 12, "A=1\r\n# quarterturn: epoch 12\r\nKEY=k\r\n"},
		{"changed", "# quarterturn: epoch 12\nKEY=old", 12, 13, "# quarterturn: epoch 13\nKEY=k"},
		{"no epoch leaves it", "# quarterturn: epoch 12\nKEY=old\n", 12, 0, "# quarterturn: epoch 12\nKEY=k\n"},
		{"no epoch adds none", "KEY=old\n", 0, 0, "KEY=k\n"},
		{"not above ours", "# quarterturn: epoch 12\nA=1\nKEY=old\n", 0, 13, "# quarterturn: epoch 12\nA=1\n# quarterturn: epoch 13\nKEY=k\n"},
		{"not exactly ours", "# quarterturn: epoch 012\nKEY=old\n", 0, 2, "# quarterturn: epoch 012\n# quarterturn: epoch 2\nKEY=k\n"},
		{"a word behind it", "# quarterturn: epoch 12 !\nKEY=old\n", 0, 2, "# quarterturn: epoch 12 !\n# quarterturn: epoch 2\nKEY=k\n"},
		{"a byte order mark stays in front", "\ufeffKEY=old\n", 0, 12, "\ufeffKEY=k\n"},
		{"the highest counts", "# quarterturn: epoch 3\nKEY=1\n# quarterturn: epoch 9\nKEY=1\n", 9, 10,
			"# quarterturn: epoch 10\nKEY=k\n# quarterturn: epoch 10\nKEY=k\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := parse([]byte(c.before), names())
			if err != nil {
				t.Fatal(err)
			}
			if got := doc.epoch(); got != c.was {
				t.Errorf("epoch %d, want %d", got, c.was)
			}
			got, err := doc.stamped(c.epoch).set([]entry{{"KEY", "k"}})
			if err != nil || string(got) != c.after {
				t.Errorf("got  %q\nwant %q (%v)", got, c.after, err)
			}
		})
	}
}

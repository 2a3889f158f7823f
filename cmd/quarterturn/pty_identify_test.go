package main

import (
	"strings"
	"testing"
)

// At a terminal the paste of identify is hidden, and the answer does not repeat it.
func TestIdentifyAtATerminal(t *testing.T) {
	st := realStage(t, "100s")
	s := sit(t, process(t, st, "identify"))
	s.expect("hidden")
	s.hidden()
	s.types("\x1b[200~" + st.old.Secret + "\x1b[201~\r\r")
	s.expect("Half a pair of " + demoName)
	if code := s.ends(); code != exitDone {
		t.Fatalf("exit code %d; the screen:\n%s", code, s.text())
	}
	if strings.Contains(s.text(), st.old.Secret) {
		t.Error("the screen shows the paste")
	}
}

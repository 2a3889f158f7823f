package main

import (
	"strings"

	"quarterturn/rotator"
)

// stepNames are the numbered steps a person sees, in order.
func stepNames() []string {
	return []string{"preflight", "create", "paste", "distribute", "redeploy", "prove", "revoke"}
}

// stepOf says which step a state belongs to, 0 for none.
func stepOf(s rotator.State) int {
	switch s {
	case rotator.DueState:
		return 1
	case rotator.AwaitingKey:
		return 2
	case rotator.Received:
		return 3
	case rotator.Staged:
		return 4
	case rotator.Distributed:
		return 5
	case rotator.Redeployed, rotator.Verified:
		return 6
	case rotator.AwaitingRevocation, rotator.RevocationProven:
		return 7
	}
	return 0
}

// narrator turns the trail into what a person follows: steps, and one line for each thing that happened.
type narrator struct {
	p       *printer
	step    int
	waiting string          // what is waited for, said already
	quiet   map[string]bool // kinds of events that are not told
}

func newNarrator(p *printer) *narrator {
	return &narrator{p: p, quiet: map[string]bool{"asked": true, "intent": true, "waiting": true, "opened": true, "submitted": true}}
}

// enter prints a step's heading once.
func (n *narrator) enter(s rotator.State) {
	step := stepOf(s)
	if step == 0 || step == n.step {
		return
	}
	n.step = step
	n.p.line("%s", n.p.style(bold, string(rune('0'+step))+"  "+stepNames()[step-1]))
}

// ofRotation leaves burials out: what they look at would be taken for steps of the rotation.
func (n *narrator) ofRotation(e rotator.Event) {
	if !strings.HasPrefix(string(e.Rotation), "burial") {
		n.tell(e)
	}
}

// tell is one event.
func (n *narrator) tell(e rotator.Event) {
	if n.quiet[e.Kind] {
		return
	}
	if e.Kind == "moved" {
		n.moved(e)
		return
	}
	word := map[string]string{"trouble": "wait", "denied": "STOP", "old_dead": "note", "changed": "wait", "unwatched": "wait", "orphan": "note"}[e.Kind]
	if word == "" {
		word = "ok"
	}
	if e.Kind == "run" && e.Data["state"] == "failed" {
		n.p.mark("wait", "%s (%s)", e.Text, e.Data["note"])
		return
	}
	n.p.mark(word, "%s", e.Text)
}

// moved ends a step with what has been proven, and says when the portal page is no longer needed.
func (n *narrator) moved(e rotator.Event) {
	word := "ok"
	if back(e) {
		word = "STOP"
	}
	if e.To == rotator.Received || e.To == rotator.AwaitingRevocation && word == "ok" {
		told := e.To == rotator.AwaitingRevocation || n.step == stepOf(e.To)
		n.enter(e.To)
		if told { // by the receipt, or about to be told with both keys side by side
			return
		}
	}
	n.p.mark(word, "%s", e.Text)
	if e.To == rotator.Staged && e.From == rotator.Received {
		n.p.mark("ok", "You may close the portal page.")
	}
	n.enter(e.To)
}

// back: the rotation lost something that was proven, or could not go on.
func back(e rotator.Event) bool {
	return stepOf(e.To) < stepOf(e.From) && stepOf(e.To) > 0 || e.To == rotator.FailedState
}

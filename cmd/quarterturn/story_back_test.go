package main

import (
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// TestStoryRollback: from every state in which something may have been written, one command leads back.
func TestStoryRollback(t *testing.T) {
	reach := map[string]struct {
		state rotator.State
		play  func(b *bench)
	}{
		"staged, nothing written": {rotator.Staged, func(b *bench) { b.cutAt(rotator.AwaitingKey, "env", true) }},
		"staged, half written":    {rotator.Staged, func(b *bench) { b.cutAt(rotator.AwaitingKey, "worker-env", true) }},
		"distributed":             {rotator.Distributed, func(b *bench) { b.cutAt(rotator.AwaitingKey, "worker", true) }},
		"redeployed":              {rotator.Redeployed, func(b *bench) { b.to(rotator.AwaitingKey); b.second.PinOld(); b.supply(); b.pass() }},
		"verified":                {rotator.Verified, func(b *bench) { b.to(rotator.Verified) }},
		"awaiting revocation":     {rotator.AwaitingRevocation, func(b *bench) { b.to(rotator.AwaitingRevocation) }},
	}
	for name, from := range reach {
		t.Run(name, func(t *testing.T) {
			b := raise(t, stageOptions{}, secondPlace)
			from.play(b)
			b.is(from.state, "")
			b.does(exitDone, "rollback", demoName, "--reason", "the release is not ready")
			b.calm()
			b.rolledBack()
		})
	}
}

// cutAt cuts a line once a state is reached, hands a pair in, and lets a pass run against the wall.
func (b *bench) cutAt(state rotator.State, line string, cut bool) {
	b.t.Helper()
	b.to(state)
	b.tap.cuts(line, cut)
	b.supply()
	b.pass()
}

// calm mends every line and service.
func (b *bench) calm() {
	for _, line := range []string{"env", "worker-env", "app", "worker"} {
		b.tap.cuts(line, false)
	}
	b.second.Unpin()
}

// rolledBack: everything is back on the old pair, and the new one is buried.
func (b *bench) rolledBack() {
	b.t.Helper()
	b.to(rotator.RolledBack)
	b.holds(b.old)
	b.works()
	b.life(b.old, rotator.Current)
	b.life(b.fresh, rotator.Orphan)
	b.awaitsBurial(b.fresh)
	b.revokes(b.fresh, "--pair", b.pairID(b.fresh))
	b.untilDead(b.fresh)
	b.holds(b.old)
}

func TestStoryAbandon(t *testing.T) {
	reach := map[string]struct {
		state rotator.State
		play  func(b *bench)
	}{
		"due":                     {rotator.DueState, func(b *bench) { b.tap.cuts("env", true); b.pass() }},
		"awaiting key":            {rotator.AwaitingKey, func(b *bench) { b.to(rotator.AwaitingKey) }},
		"received":                {rotator.Received, func(b *bench) { b.unanswered() }},
		"staged, nothing written": {rotator.Staged, func(b *bench) { b.cutAt(rotator.AwaitingKey, "env", true) }},
	}
	for name, from := range reach {
		t.Run(name, func(t *testing.T) {
			b := raise(t, stageOptions{}, secondPlace)
			from.play(b)
			b.is(from.state, "")
			b.does(exitDone, "abandon", demoName)
			b.calm()
			b.vendor.Calm()
			b.next()
			b.is(rotator.Abandoned, "abandoned before anything was written")
			b.holds(b.old)
			if b.fresh.ID != "" {
				b.buryWrong(b.fresh)
			}
		})
	}
}

// TestStoryAbandonedAndBegunAgain: the policy asks again a day later, and the orphan stands in nobody's way.
func TestStoryAbandonedAndBegunAgain(t *testing.T) {
	b := raise(t, stageOptions{})
	b.unanswered()
	b.does(exitDone, "abandon", demoName)
	b.vendor.Calm()
	b.to(rotator.Abandoned)
	b.buryWrong(b.fresh)
	b.after(25 * time.Hour)
	b.closes()
}

// unanswered hands a pair in that the vendor does not answer about.
func (b *bench) unanswered() {
	b.t.Helper()
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.vendor.Inject(sim.Fault{KeyID: b.fresh.ID, Do: sim.Unavailable, Times: -1})
	b.submits(exitDone, b.fresh, portal()...)
	b.pass()
}

// TestStoryTooLateToAbandon names the way back instead.
func TestStoryTooLateToAbandon(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.does(exitUsage, "abandon", demoName)
	b.prints("Next: quarterturn rollback " + demoName)
	b.closes()
}

func TestStoryRedeployFailsThreeTimes(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.service.FailRestarts(3)
	b.supply()
	b.to(rotator.FailedState)
	b.is(rotator.FailedState, "failed 3 times")
	b.next()
	b.awaits("quarterturn resume " + demoName)
	b.does(exitDone, "resume", demoName)
	b.to(rotator.Verified)
	b.closes()
}

// TestStoryResumeFromEachState: a right was withdrawn, a person gives it back, and the rotation goes on where it stood.
func TestStoryResumeFromEachState(t *testing.T) {
	for _, c := range []struct {
		from  rotator.State
		bars  string
		begin func(b *bench)
		end   func(b *bench)
	}{
		{rotator.Staged, "env", func(b *bench) { b.to(rotator.AwaitingKey); b.tap.bars("env", true); b.supply() }, (*bench).closes},
		{rotator.Distributed, "app", func(b *bench) { b.to(rotator.AwaitingKey); b.tap.bars("app", true); b.supply() }, (*bench).closes},
		{rotator.RollingBack, "env", func(b *bench) {
			b.to(rotator.Verified)
			b.tap.bars("env", true)
			b.does(exitDone, "rollback", demoName)
		}, (*bench).rolledBack},
		{rotator.Staged, "env", func(b *bench) {
			b.compromise()
			b.tap.bars("env", true)
			b.supply()
		}, (*bench).closes},
	} {
		t.Run(string(c.from), func(t *testing.T) {
			b := raise(t, stageOptions{})
			c.begin(b)
			b.to(rotator.FailedState)
			b.is(rotator.FailedState, "stopped: ")
			if got := b.rotation().Facts.Resume; got != c.from {
				t.Fatalf("it would go on at %s, want %s", got, c.from)
			}
			b.next()
			b.awaits("quarterturn resume " + demoName)
			b.works()
			b.tap.bars(c.bars, false)
			b.does(exitDone, "resume", demoName)
			c.end(b)
		})
	}
}

// TestStoryRedeployFailsAndGoesBack: rollback is the other way out.
func TestStoryRedeployFailsAndGoesBack(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.service.FailRestarts(3)
	b.supply()
	b.to(rotator.FailedState)
	b.does(exitDone, "rollback", demoName)
	b.rolledBack()
}

// TestStoryRedeployRestartsSomethingElse: it says ok three times, and the consumer never shows the pair.
func TestStoryRedeployRestartsSomethingElse(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingKey)
	b.service.IgnoreRestart(true)
	b.supply()
	b.to(rotator.FailedState)
	b.is(rotator.FailedState, "never proved the pair")
	b.service.IgnoreRestart(false)
	b.does(exitDone, "resume", demoName)
	b.closes()
}

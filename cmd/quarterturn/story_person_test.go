package main

import (
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

func pasteOf(s sim.Shown) string {
	return "BLUUM_API_KEY=" + s.Key + "\nBLUUM_API_SECRET=" + s.Secret + "\n"
}

// TestStoryOldRevokedEarly: somebody revokes the old key during the overlap. Every consumer is on the new one already.
func TestStoryOldRevokedEarly(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.revoke(b.old)
	b.after(2 * time.Hour)
	b.finish()
	b.life(b.old, rotator.Dead)
}

// TestStoryOldRevokedBeforeTheNewOneExists: the service is down by that person's hand, and going on is the way out.
func TestStoryOldRevokedBeforeTheNewOneExists(t *testing.T) {
	for _, state := range []rotator.State{"", rotator.AwaitingKey} {
		t.Run("in "+string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			if state != "" {
				b.to(state)
			}
			b.revoke(b.old)
			b.clock.advance(demoBites)
			b.broken = true
			b.to(rotator.AwaitingKey)
			b.supply()
			b.pass()
			b.broken = false
			b.holds(b.fresh)
			b.closes()
			b.life(b.old, rotator.Dead)
		})
	}
}

// TestStoryNewRevokedByMistake: the person typed the last four characters of the key in use. Nothing has bitten yet, and
// the one way back is in time.
func TestStoryNewRevokedByMistake(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingRevocation)
	b.revoke(b.fresh)
	b.does(exitStop, "revoked", demoName, "--last4", last4(b.fresh))
	b.prints("IN USE")
	b.prints("Next: quarterturn rollback " + demoName)
	b.pass()
	b.awaits("quarterturn rollback " + demoName)
	b.does(exitDone, "rollback", demoName)
	b.to(rotator.RolledBack)
	b.holds(b.old)
	b.after(2 * time.Hour)
	b.works()
	b.untilDead(b.fresh)
	b.life(b.old, rotator.Current)
}

// TestStoryNewRevokedSilently: nobody says anything. The vendor's refusal is noticed, and there is the same way back.
func TestStoryNewRevokedSilently(t *testing.T) {
	for _, state := range []rotator.State{rotator.Verified, rotator.AwaitingRevocation} {
		t.Run(string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.to(state)
			b.revoke(b.fresh)
			b.broken = true
			b.after(demoBites + 20*time.Minute)
			b.is(state, "the NEW pair")
			b.awaits("quarterturn rollback " + demoName)
			b.does(exitStop, "rotate", demoName, "--no-wait")
			b.does(exitDone, "rollback", demoName)
			b.to(rotator.RolledBack)
			b.broken = false
			b.holds(b.old)
			b.works()
		})
	}
}

// TestStoryBothDead: no pair works, and a third one is the only way on.
func TestStoryBothDead(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	second := b.fresh
	b.revoke(b.old)
	b.revoke(second)
	b.broken = true
	b.after(demoBites + 30*time.Minute)
	b.is(rotator.AwaitingKey, "third")
	for range 3 { // a pass may find the burial of the second one alone, which knows of no consumer
		if b.next(); b.code == exitStop {
			break
		}
	}
	if b.code != exitStop {
		t.Errorf("exit code %d while every consumer is down:\n%s", b.code, b.out)
	}
	b.does(exitUsage, "abandon", demoName)
	b.does(exitDone, "rollback", demoName) // the old one may have come back to life: asked, and answered with no
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.awaits("quarterturn rotate " + demoName)
	b.supply()
	b.pass()
	b.broken = false
	b.closes()
	b.untilDead(second)
	b.life(b.old, rotator.Dead)
}

func TestStoryWrongCharactersTyped(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.Verified)
	b.does(exitUsage, "revoked", demoName, "--last4", last4(b.old)) // nobody asked yet
	b.to(rotator.AwaitingRevocation)
	b.does(exitUsage, "revoked", demoName, "--last4", "zzzz")
	b.prints("nothing was recorded")
	b.does(exitStop, "revoked", demoName, "--last4", last4(b.fresh)) // mistyped: the right one was revoked
	b.revokes(b.old)
	b.said[b.rotation().ID] = "revoked"
	b.pass()
	b.closes()
}

// TestStoryComesBackOld: an instance starts from a stale copy. It is redeployed until it shows the new pair again, and a
// request to revoke the old one is withdrawn.
func TestStoryComesBackOld(t *testing.T) {
	for _, state := range []rotator.State{rotator.Verified, rotator.AwaitingRevocation} {
		t.Run(string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.to(state)
			b.service.ComeBackOld()
			b.after(16 * time.Minute)
			if now := b.rotation().State; now != rotator.Distributed && now != rotator.Redeployed && now != rotator.FailedState {
				t.Fatalf("the rotation is %s: %s", now, b.rotation().Why)
			}
			b.withdrawn(state)
			b.does(exitUsage, "revoked", demoName, "--last4", last4(b.old))
			b.prints("do not")
			b.service.Unpin()
			if b.to(b.whicheverComes(rotator.Verified, rotator.FailedState)); b.rotation().State == rotator.FailedState {
				b.does(exitDone, "resume", demoName)
			}
			b.closes()
		})
	}
}

// withdrawn: whoever was asked to revoke is told not to.
func (b *bench) withdrawn(asked rotator.State) {
	b.t.Helper()
	if asked == rotator.AwaitingRevocation {
		b.recounts("the revocation request is withdrawn: do NOT revoke the old key")
	}
}

// whicheverComes plays on until one of two states is reached.
func (b *bench) whicheverComes(one, other rotator.State) rotator.State {
	b.t.Helper()
	for range 200 {
		if s := b.rotation().State; s == one || s == other {
			return s
		}
		b.next()
	}
	b.t.Fatalf("neither %s nor %s came: %s", one, other, b.rotation().Why)
	return ""
}

// TestStoryOldComesBackJustAsItIsRevoked: the request stood, the person revoked, and a consumer restarted with the old
// pair before it bit. It is brought forward in time.
func TestStoryOldComesBackJustAsItIsRevoked(t *testing.T) {
	b := raise(t, stageOptions{})
	b.to(rotator.AwaitingRevocation)
	b.revokes(b.old)
	b.said[b.rotation().ID] = "revoked"
	b.service.ComeBackOld()
	b.service.Unpin()
	b.after(demoBites + time.Hour)
	b.closes()
}

// TestStoryOverwrittenWithTheOldPair: somebody restores a backup of the file. It is written once more.
func TestStoryOverwrittenWithTheOldPair(t *testing.T) {
	for _, state := range []rotator.State{rotator.Verified, rotator.AwaitingRevocation} {
		t.Run(string(state), func(t *testing.T) {
			b := raise(t, stageOptions{})
			b.to(state)
			b.rewrites = 1
			b.overwrite("app.env", b.old)
			b.after(16 * time.Minute)
			b.withdrawn(state)
			b.holds(b.fresh)
			b.closes()
		})
	}
}

// TestStoryOverwrittenWithAForeignPair: it may be somebody's work, and is overwritten only when a person says so.
func TestStoryOverwrittenWithAForeignPair(t *testing.T) {
	b := raise(t, stageOptions{LiveLimit: 3})
	b.to(rotator.Verified)
	b.rewrites = 1
	foreign := b.create()
	b.overwrite("app.env", foreign)
	b.after(16 * time.Minute)
	b.is(rotator.Staged, "never seen")
	b.awaits("quarterturn waive " + demoName + " place:env")
	b.holds(foreign)
	b.does(exitDone, "waive", demoName, "place:env", "--reason", "nobody knows it")
	b.pass()
	b.holds(b.fresh)
	b.closes()
}

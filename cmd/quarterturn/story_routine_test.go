package main

import (
	"os"
	"testing"
	"time"

	"quarterturn/rotator"
)

func TestStoryHappyPath(t *testing.T) {
	b := raise(t, stageOptions{}, replacing("overlap: 2h", "overlap: 24h"))
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.awaits("quarterturn rotate " + demoName)
	b.holds(b.old)
	b.supply()
	b.prints("Your pair is safe")
	b.pass()
	b.holds(b.fresh)
	b.to(rotator.Verified)
	b.after(23 * time.Hour)
	b.is(rotator.Verified, "both keys work")
	b.after(2 * time.Hour)
	b.is(rotator.AwaitingRevocation, "both keys work; revoke")
	b.awaits("quarterturn revoked " + demoName)
	b.finish()
	b.life(b.old, rotator.Dead)
	b.does(exitDone, "audit", "verify")
	b.does(exitDone, "status", demoName, "--output", "json")
}

func TestStoryFirstRotationAfterAdopt(t *testing.T) {
	b := stand(t, stageOptions{Age: 30 * 24 * time.Hour})
	b.does(exitDone, "adopt", demoName, "--last4", last4(b.old))
	b.does(exitOverdue, "status", "--exit-code") // nobody knows when it was made
	b.closes()
	b.does(exitDone, "status", "--exit-code")
}

func TestStoryFirstKey(t *testing.T) {
	b := stand(t, stageOptions{})
	b.revoke(b.old) // nobody ever told quarterturn about it
	b.clock.advance(2 * time.Hour)
	b.must(os.WriteFile(b.path("app.env"), []byte("PORT=8080\n"), 0o600))
	b.broken = true
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.supply()
	b.pass()
	b.broken = false
	b.finish()
	if open := b.lives(); len(open) != 1 {
		t.Errorf("the ledger knows %d pairs", len(open))
	}
}

// TestStoryFirstKeyForAServiceThatIsDown: without a key it cannot even start, and can prove nothing before it has one.
func TestStoryFirstKeyForAServiceThatIsDown(t *testing.T) {
	b := stand(t, stageOptions{})
	b.must(os.WriteFile(b.path("app.env"), []byte("PORT=8080\n"), 0o600))
	if b.service.Restart() == nil {
		t.Fatal("the service runs without a pair")
	}
	b.broken = true
	b.does(exitDone, "waive", demoName, "consumer:app", "--reason", "it starts with its first key")
	b.pass()
	b.is(rotator.AwaitingKey, "")
	b.broken = false
	b.supply()
	b.closes()
}

func TestStoryTwoPlacesTwoConsumers(t *testing.T) {
	b := raise(t, stageOptions{}, secondPlace)
	b.finish()
}

func TestStoryLabelProof(t *testing.T) {
	b := raise(t, stageOptions{Label: true})
	b.closes()
}

func TestStoryHealthyIsNoProof(t *testing.T) {
	b := stand(t, stageOptions{}, healthyOnly)
	b.pass()
	b.is(rotator.DueState, "waive consumer:app") // I-13: before anybody creates a key
	b.awaits("quarterturn check " + demoName)
	b.does(exitDone, "waive", demoName, "consumer:app", "--reason", "it can show nothing", "--for", "30d")
	b.closes()
}

func TestStoryOlderVendorNeedsAPersonsWord(t *testing.T) {
	b := raise(t, stageOptions{Older: true})
	b.to(rotator.AwaitingKey)
	b.fresh = b.create()
	b.submits(exitDone, b.fresh)
	b.pass()
	b.is(rotator.Received, "does not say whose pair this is")
	b.holds(b.old)
	b.does(exitStop, "attest", demoName, "--organisation", "Acme Trading", "--environment", "sandbox")
	b.does(exitDone, "attest", demoName, "--organisation", "Acme Trading", "--environment", "production")
	b.closes()
}

func TestStorySecondPersonApproves(t *testing.T) {
	b := raise(t, stageOptions{}, secondPerson)
	b.to(rotator.Verified)
	b.after(3 * time.Hour)
	b.is(rotator.Verified, "a second person must approve")
	b.awaits("quarterturn approve " + demoName)
	b.does(exitUsage, "approve", demoName)
	b.prints("somebody else must approve")
	b.pass()
	b.is(rotator.Verified, "a second person must approve")
	b.as = "bob@acme.example"
	b.does(exitDone, "approve", demoName)
	b.as = "alice@acme.example"
	b.pass()
	b.is(rotator.AwaitingRevocation, "revoke")
	b.closes()
}

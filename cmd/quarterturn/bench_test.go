package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// BenchmarkRotation is one whole journey through the wiring of run, from due to closed, the daily looks of the burial
// left out: every pass a new process would make, over HTTP, SQLite with full sync, and a child process for the redeploy.
func BenchmarkRotation(b *testing.B) {
	ctx := context.Background()
	var requests, passes int
	before := cpu(b)
	for b.Loop() {
		st, err := newStage(ctx, system(), b.TempDir(), time.Now().UTC().Truncate(time.Second), stageOptions{Age: demoAge, Propagation: demoBites})
		if err != nil {
			b.Fatal(err)
		}
		n, err := journey(ctx, st)
		if err != nil {
			b.Fatal(err)
		}
		passes += n
		requests += len(st.vendor.Requests())
		if err := st.close(); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N)
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/n, "cpu-ms/op")
	b.ReportMetric(float64(requests)/n, "requests/op")
	b.ReportMetric(float64(passes)/n, "passes/op")
}

// journey plays the person, and says how many passes it took.
func journey(ctx context.Context, st *stage) (passes int, err error) {
	if _, _, err := st.shop.rt.Adopt(ctx, rotator.Adoption{Credential: demoName, Who: "demo", Created: st.old.CreatedAt}); err != nil {
		return 0, err
	}
	for range 1000 {
		if _, err := st.shop.rt.Pass(ctx); err != nil {
			return passes, err
		}
		passes++
		r, err := st.journey(ctx)
		if err != nil || r.State == rotator.Closed {
			return passes, err
		}
		if err := act(ctx, st, r); err != nil {
			return passes, err
		}
		if _, err := st.skip(ctx); err != nil {
			return passes, err
		}
	}
	return passes, context.DeadlineExceeded
}

// act does what a person is awaited for.
func act(ctx context.Context, st *stage, r rotator.Rotation) error {
	switch {
	case r.State == rotator.AwaitingKey:
		shown, err := st.vendor.Create(sim.Acme, sim.Production, "next")
		if err == nil {
			_, err = st.accept(ctx, shown)
		}
		return err
	case r.State == rotator.AwaitingRevocation && r.Facts.Revoked == nil:
		if err := st.vendor.Delete(st.old.ID); err != nil {
			return err
		}
		_, err := st.shop.rt.Say(ctx, rotator.Saying{Credential: demoName, Kind: rotator.RevokedIt, Who: "demo",
			Fragment: st.old.Key[len(st.old.Key)-4:]})
		return err
	}
	return nil
}

// cpu is what this process and its children have used.
func cpu(b *testing.B) time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// BenchmarkStartup is the built binary from nothing to its first answer, and its size.
func BenchmarkStartup(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "quarterturn")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := exec.Command(binary, "version")
		c.Stdout = io.Discard
		if err := c.Run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}

// BenchmarkQuietPass is a pass with nothing ready, in a process that is wired already.
func BenchmarkQuietPass(b *testing.B) {
	ctx := context.Background()
	st, err := newStage(ctx, system(), b.TempDir(), time.Now().UTC(), stageOptions{Age: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.close() }()
	if _, _, err := st.shop.rt.Adopt(ctx, rotator.Adoption{Credential: demoName, Who: "demo", Created: st.old.CreatedAt}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		passed, err := st.shop.rt.Pass(ctx)
		if err != nil || len(passed.Outcomes) != 0 {
			b.Fatal(err, len(passed.Outcomes))
		}
	}
}

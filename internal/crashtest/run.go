package crashtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Story is something that must end well whatever goes wrong once on the way.
type Story struct {
	Name string
	// Play tells it from a fresh world to its end with s between the parts. The error names what was broken.
	Play func(ctx context.Context, s *Stopper) error
}

// Finding is one point at which a story did not end well.
type Finding struct {
	Story string
	Point Point
	Err   error
}

func (f Finding) String() string { return fmt.Sprintf("%s, %s: %s", f.Story, f.Point, f.Err) }

// Report is what running stories to their crash points found.
type Report struct {
	Stories, Points, Runs int
	Findings              []Finding // in no order
}

// Add joins another report.
func (r *Report) Add(other Report) {
	r.Stories, r.Points, r.Runs = r.Stories+other.Stories, r.Points+other.Points, r.Runs+other.Runs
	r.Findings = append(r.Findings, other.Findings...)
}

// String is the line that is printed.
func (r Report) String() string {
	return fmt.Sprintf("crash points: %d runs over %d points in %d stories, %d broken", r.Runs, r.Points, r.Stories, len(r.Findings))
}

// ErrMissed means that a telling never came to the point that the first one had: the story is not the same twice.
var ErrMissed = errors.New("crashtest: the point was never reached")

// Points tells the story once with nothing going wrong and lists its points.
func (st Story) Points(ctx context.Context) ([]Point, error) {
	s := New(nil)
	if err := st.tell(ctx, s); err != nil {
		return nil, fmt.Errorf("%s, with nothing going wrong: %w", st.Name, err)
	}
	return s.Points(), nil
}

// tell adds what the border saw to what the story says of itself.
func (st Story) tell(ctx context.Context, s *Stopper) error {
	errs := []error{st.Play(ctx, s)}
	for _, b := range s.Breaches() {
		errs = append(errs, errors.New(b))
	}
	return errors.Join(errs...)
}

// At tells the story with p happening.
func (st Story) At(ctx context.Context, p Point) error {
	s := New(&p)
	err := st.tell(ctx, s)
	if err == nil && !s.Hit() {
		return ErrMissed
	}
	return err
}

// Run tells the story once for every point that pick takes (nil: all), on so many workers. The error is that of the
// telling in which nothing goes wrong.
func (st Story) Run(ctx context.Context, workers int, pick func(Point) bool) (Report, error) {
	points, err := st.Points(ctx)
	r := Report{Stories: 1, Points: len(points)}
	if err != nil {
		return r, err
	}
	queue := make(chan Point)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for p := range queue {
				err := st.At(ctx, p)
				mu.Lock()
				r.note(st.Name, p, err)
				mu.Unlock()
			}
		})
	}
	for _, p := range points {
		if pick == nil || pick(p) {
			queue <- p
		}
	}
	close(queue)
	group.Wait()
	return r, nil
}

func (r *Report) note(story string, p Point, err error) {
	r.Runs++
	if err != nil {
		r.Findings = append(r.Findings, Finding{Story: story, Point: p, Err: err})
	}
}

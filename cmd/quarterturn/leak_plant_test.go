package main

// leakPlant is a leak made on purpose.
type leakPlant struct {
	name   string
	at     string // the call at which it happens: put, check, redeploy, prove, probe
	on     surface
	as     string // the encoding that must be named
	encode func(string) string
	leak   func(w *leakWorld, text string) error
}

// leaks is the error that a planted leak wants returned, nil when this story leaks nothing here.
func (w *leakWorld) leaks(at string) error {
	if w.plant == nil || w.plant.at != at || w.fresh.ID == "" {
		return nil
	}
	return w.plant.leak(w, w.plant.encode(w.fresh.Secret))
}

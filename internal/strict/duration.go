package strict

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

const (
	// DurationPattern is the form of a Duration for JSON Schema.
	DurationPattern = "^[0-9]{1,5}[smhd]$"
	// DurationForm says the same to people; it belongs into x-quarterturn-form beside the pattern.
	DurationForm = "a duration such as 90d, 24h or 15m"
)

// ErrDuration is returned for text that is no duration. It never says which text.
var ErrDuration = errors.New("not " + DurationForm)

var durationForm = regexp.MustCompile(DurationPattern)

// Duration is a span in one unit as people write it: 90d, 24h, 15m, 30s. A day is 24 hours.
type Duration time.Duration

// ParseDuration reads one number and one unit; anything else is ErrDuration.
func ParseDuration(s string) (Duration, error) {
	if !durationForm.MatchString(s) {
		return 0, ErrDuration
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil {
		return 0, ErrDuration
	}
	return Duration(time.Duration(n) * unitOf(s[len(s)-1])), nil // five digits of days still fit
}

// UnmarshalYAML reads a scalar; anything but a duration is ErrDuration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	parsed, err := ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return ErrDuration
	}
	*d = parsed
	return nil
}

// String is the shortest form that reads back as the same: 24h is 1d, 90m stays 90m.
func (d Duration) String() string {
	for _, unit := range "dhms" {
		if of := unitOf(byte(unit)); d != 0 && time.Duration(d)%of == 0 {
			return strconv.FormatInt(int64(time.Duration(d)/of), 10) + string(unit)
		}
	}
	return time.Duration(d).String()
}

func unitOf(unit byte) time.Duration {
	switch unit {
	case 'd':
		return 24 * time.Hour
	case 'h':
		return time.Hour
	case 'm':
		return time.Minute
	}
	return time.Second
}

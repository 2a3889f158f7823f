package notify

import "errors"

// ErrRefused: the receiver will never take this message, or the channel is set up wrongly: a person must mend it.
var ErrRefused = errors.New("refused for good")

package sim

import (
	"net/http"
	"strconv"
	"time"
)

// view is whose data is shown.
type view struct {
	organisation, environment string
	empty                     bool
}

// envelope is the newer list. It does not say which environment answered: its resources do.
type envelope struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []any  `json:"data"`
}

// newerParts are the fields that only the newer generation has; nil on the older one.
type newerParts struct {
	Object   string `json:"object"`
	Livemode bool   `json:"livemode"`
}

type account struct {
	*newerParts
	ID       string `json:"id"`
	Status   string `json:"status"`
	Currency string `json:"currency"`
	Balance  string `json:"balance"`
}

type asset struct {
	*newerParts
	ID       string `json:"id"`
	Symbol   string `json:"symbol"`
	Name     string `json:"name"`
	Tradable bool   `json:"tradable"`
}

// accounts are a tenant's own. Sandbox data is reset at midnight UTC: from then on every id is another.
func (w *World) accounts(v view, now time.Time) []account {
	if v.empty {
		return nil
	}
	day := ""
	if v.environment == Sandbox {
		day = now.UTC().Format(time.DateOnly)
	}
	list := make([]account, 2)
	for i := range list {
		list[i] = account{w.parts("account", v), w.derived("acc_", v.organisation, v.environment, day, strconv.Itoa(i)),
			"ACTIVE", "USD", strconv.Itoa(1000*(i+1)) + ".00"}
	}
	return list
}

// assets are the market's: the same for every tenant, so that a shared asset proves nothing.
func (w *World) assets(v view) []asset {
	if v.empty {
		return nil
	}
	var list []asset
	for _, symbol := range []string{"AAA", "BBB", "CCC"} {
		list = append(list, asset{w.parts("asset", v), w.derived("ast_", symbol), symbol, "Company " + symbol, true})
	}
	return list
}

func (w *World) parts(object string, v view) *newerParts {
	if !w.newer {
		return nil
	}
	return &newerParts{object, v.environment == Production}
}

func (w *World) list(url string, items []any) answer {
	if w.newer {
		return jsonAnswer(http.StatusOK, "", envelope{Object: "list", URL: url, Data: items})
	}
	return jsonAnswer(http.StatusOK, "", items)
}

// asAny never returns nil: an empty list is [] on the wire.
func asAny[T any](items []T) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	return list
}

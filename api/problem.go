package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/diag"
)

// Problem is an error answer (RFC 9457), with the language's findings.
type Problem struct {
	huma.ErrorModel
	Diagnostics []Diagnostic `json:"diagnostics,omitempty" doc:"What is wrong in the submitted text"`
}

// Diagnostic is one finding in a text.
type Diagnostic struct {
	Severity string `json:"severity" enum:"error,warning"`
	Code     string `json:"code" doc:"Stable name of the mistake, see docs/errors.md" example:"unknown-column"`
	Message  string `json:"message"`
	Line     int    `json:"line" doc:"From 1"`
	Column   int    `json:"column" doc:"From 1, in characters"`
	Start    int    `json:"start" doc:"First byte of the span"`
	End      int    `json:"end" doc:"Byte after the span"`
	Hint     string `json:"hint,omitempty" doc:"What to write instead"`
}

// Diagnostics is the findings with line and column.
func Diagnostics(l *diag.List) []Diagnostic {
	list := make([]Diagnostic, len(l.Items))
	for i, d := range l.Items {
		line, col := diag.Position(l.Source, d.Span.Start)
		list[i] = Diagnostic{Severity: d.Severity.String(), Code: string(d.Code), Message: d.Message,
			Line: line, Column: col, Start: d.Span.Start, End: d.Span.End, Hint: d.Hint}
	}
	return list
}

func newProblem(status int, detail string) *Problem {
	return &Problem{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}}
}

func badRequest(format string, args ...any) error {
	return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf(format, args...))
}

func conflict(format string, args ...any) error {
	return newProblem(http.StatusConflict, fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return newProblem(http.StatusNotFound, fmt.Sprintf(format, args...))
}

// problemOf makes the answer for an error.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var broken *brokenError
	if errors.As(err, &broken) {
		return newProblem(http.StatusConflict, "would break "+broken.Error())
	}
	if l, ok := diag.As(err); ok {
		p = newProblem(http.StatusUnprocessableEntity, l.Error())
		p.Diagnostics = Diagnostics(l)
		return p
	}
	return newProblem(http.StatusInternalServerError, err.Error())
}

// useProblem makes huma's own errors, such as those of validation, Problems.
func useProblem() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := newProblem(status, msg)
		for _, err := range errs {
			var d huma.ErrorDetailer
			if errors.As(err, &d) {
				p.Errors = append(p.Errors, d.ErrorDetail())
			} else if err != nil {
				p.Errors = append(p.Errors, &huma.ErrorDetail{Message: err.Error()})
			}
		}
		return p
	}
}

package cloudevents

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/cepd/cepd/connectors"
)

// The options.
const (
	OptMode      = "cloudevents.mode"
	optSource    = "cloudevents.source"
	optType      = "cloudevents.type"
	optSubject   = "cloudevents.subject"
	optExtension = "cloudevents.extension."
	prefix       = "cloudevents."
)

// The modes.
const (
	binary     = "binary"
	structured = "structured"
)

// Specs are the options of a sink that has a place for attributes.
func Specs() []connectors.OptionSpec {
	return specs([]string{binary, structured}, "binary: attributes beside the value, structured: within it.")
}

// StructuredSpecs are the options of a sink that has none.
func StructuredSpecs() []connectors.OptionSpec {
	return specs([]string{structured}, "structured: attributes are within the value.")
}

func specs(modes []string, doc string) []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: OptMode, Values: modes, Doc: "Rows that are written are CloudEvents; " + doc},
		{Name: optType, Check: checkText, Doc: "Their type, such as com.example.fraud.detected. {column} stands for the row's value."},
		{Name: optSource, Check: checkSource, Doc: "Their source, a URI or its path, with {column}. Default: /cepd/QUERY/TABLE."},
		{Name: optSubject, Check: checkText, Doc: "Their subject, with {column}. Default: they have none."},
		{Name: optExtension, Prefix: true, Check: checkText, Doc: "An extension attribute, such as cloudevents.extension.partitionkey, with {column}."},
	}
}

func checkText(value string) error {
	if value == "" {
		return errors.New("must not be empty")
	}
	_, err := parseTemplate(value)
	return err
}

func checkSource(value string) error {
	t, err := parseTemplate(value)
	if err != nil {
		return err
	}
	if _, err := url.Parse(strings.Join(t.texts, "x")); err != nil || value == "" {
		return errors.New("expected a URI or a path, such as /fraud/cards")
	}
	return nil
}

// Asked says whether the rows of a table that is written are CloudEvents.
func Asked(t connectors.Table) bool { return t.Options[OptMode] != "" }

// Structured says whether each is one JSON object.
func Structured(t connectors.Table) bool { return t.Options[OptMode] == structured }

// CheckSource refuses to read what only a sink makes of the table's rows.
func CheckSource(t connectors.Table) error {
	if !Structured(t) {
		return nil
	}
	return connectors.OptionError{Key: OptMode, Message: fmt.Sprintf("option '%s' = '%s' is of tables that are written", OptMode, structured),
		Hint: "to read such events declare a table without it whose columns are the attributes and data ROW<…>"}
}

// checkWhole refuses options that mean nothing without others.
func checkWhole(options map[string]string) error {
	if options[OptMode] == "" {
		for key := range options {
			if strings.HasPrefix(key, prefix) {
				return connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s' goes with '%s'", key, OptMode)}
			}
		}
		return nil
	}
	if options[optType] == "" {
		return connectors.OptionError{Key: optType, Missing: true, Message: fmt.Sprintf("option '%s' needs '%s'", OptMode, optType), Hint: "what kind of event a row is, such as com.example.fraud.detected"}
	}
	return nil
}

// defaultSource tells the events of one query and table from all others, whose
// rows may have the same ids.
func defaultSource(t connectors.Table) string {
	source := "/cepd/" + url.PathEscape(t.Query) + "/" + url.PathEscape(t.Name)
	if t.Writer > 0 {
		source += fmt.Sprintf("/%d", t.Writer+1)
	}
	return source
}

// checkName is section 3.1 of the specification: letters and digits; names of
// the specification are taken.
func checkName(name string) error {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return errors.New("the name of an attribute has lower-case letters a-z and digits only")
		}
	}
	switch name {
	case "id", "source", "specversion", "type", "time", "subject", "data", "datacontenttype", "dataschema":
		return errors.New("it is no extension, but an attribute of every event")
	}
	return nil
}

package lsp

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// The limits of an editor's session. What is above them has no services.
const (
	maxDocuments = 1000
	maxText      = 1 << 20
)

// server is one editor's session. Its requests come one by one.
type server struct {
	registry  *connectors.Registry
	version   string
	root      string
	settings  settings
	documents map[string]*document // by URI
	rpc       *jrpc2.Server
}

type document struct {
	text    string
	version int
}

// Serve talks to an editor until it says goodbye, the input ends or the context
// does.
func Serve(ctx context.Context, in io.Reader, out io.WriteCloser, registry *connectors.Registry, version string) error {
	s := &server{registry: registry, version: version, documents: map[string]*document{}}
	s.rpc = jrpc2.NewServer(s.methods(), &jrpc2.ServerOptions{AllowPush: true, Concurrency: 1})
	s.rpc.Start(channel.LSP(in, out))
	stop := context.AfterFunc(ctx, s.rpc.Stop)
	defer stop()
	return s.rpc.Wait()
}

func (s *server) methods() handler.Map {
	return handler.Map{
		"initialize":                  handler.New(s.initialize),
		"initialized":                 nothing(nil),
		"shutdown":                    nothing(nil),
		"exit":                        nothing(s.stop),
		"$/cancelRequest":             nothing(nil),
		"$/setTrace":                  nothing(nil),
		"textDocument/didOpen":        handler.New(s.opened),
		"textDocument/didChange":      handler.New(s.changed),
		"textDocument/didClose":       handler.New(s.closed),
		"textDocument/didSave":        nothing(nil),
		"textDocument/completion":     handler.New(s.complete),
		"textDocument/hover":          handler.New(s.hover),
		"textDocument/definition":     handler.New(s.definition),
		"textDocument/formatting":     handler.New(s.format),
		"textDocument/documentSymbol": handler.New(s.symbols),
	}
}

// nothing is a message that needs no more than do, if anything.
func nothing(do func()) jrpc2.Handler {
	return func(context.Context, *jrpc2.Request) (any, error) {
		if do != nil {
			do()
		}
		return nil, nil
	}
}

func (s *server) stop() { go s.rpc.Stop() } // which waits for this very request

func (s *server) initialize(_ context.Context, p *initializeParams) (*initializeResult, error) {
	s.settings, s.root = p.Options, pathOf(p.RootURI)
	if len(p.WorkspaceFolders) > 0 {
		s.root = pathOf(p.WorkspaceFolders[0].URI)
	}
	return &initializeResult{
		Capabilities: map[string]any{
			"textDocumentSync":           2, // changes come as ranges
			"completionProvider":         map[string]any{"triggerCharacters": []string{".", "'"}},
			"hoverProvider":              true,
			"definitionProvider":         true,
			"documentFormattingProvider": true,
			"documentSymbolProvider":     true,
		},
		ServerInfo: serverInfo{"cepd", s.version},
	}, nil
}

// ---- documents

func (s *server) opened(ctx context.Context, p *openParams) error {
	if len(s.documents) >= maxDocuments {
		return fmt.Errorf("more than %d files are open", maxDocuments)
	}
	s.documents[p.TextDocument.URI] = &document{p.TextDocument.Text, p.TextDocument.Version}
	return s.publish(ctx, p.TextDocument.URI)
}

func (s *server) changed(ctx context.Context, p *changeParams) error {
	d, ok := s.documents[p.TextDocument.URI]
	if !ok {
		return fmt.Errorf("%s is not open", p.TextDocument.URI)
	}
	for _, c := range p.Changes {
		d.text = apply(d.text, c)
	}
	d.version = p.TextDocument.Version
	return s.publish(ctx, p.TextDocument.URI)
}

func (s *server) closed(ctx context.Context, p *documentParams) error {
	delete(s.documents, p.TextDocument.URI)
	return s.rpc.Notify(ctx, "textDocument/publishDiagnostics", publishParams{URI: p.TextDocument.URI, Diagnostics: []diagnostic{}})
}

// publish sends the findings in a document.
func (s *server) publish(ctx context.Context, uri string) error {
	d := s.documents[uri]
	out := publishParams{URI: uri, Version: d.version, Diagnostics: []diagnostic{}}
	if len(d.text) <= maxText {
		for _, f := range s.tools(uri).Diagnose(pathOf(uri), d.text) {
			message := f.Message
			if f.Hint != "" {
				message += "\n" + f.Hint
			}
			out.Diagnostics = append(out.Diagnostics, diagnostic{rangeOf(d.text, f.Span), int(f.Severity) + 1, string(f.Code), "cepd", message})
		}
	}
	return s.rpc.Notify(ctx, "textDocument/publishDiagnostics", out)
}

// text is that of an open document; "" when it has no services.
func (s *server) text(uri string) string {
	d, ok := s.documents[uri]
	if !ok || len(d.text) > maxText {
		return ""
	}
	return d.text
}

// ---- what comes before

// tools are the services for a file, behind the files that come before it.
func (s *server) tools(uri string) *assist.Tools {
	cat := catalog.New()
	for _, name := range s.settings.Prelude {
		path := s.path(name)
		if path == pathOf(uri) {
			break // what stands behind it does not count for it
		}
		text := s.content(path)
		script, _ := parse.Partial(path, text)
		cat = query.CompileDraft(cat, script, query.Options{File: path, Text: text, Params: s.settings.Params}).Catalog
	}
	read := func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(pathOf(uri)), name)
		}
		return os.ReadFile(name)
	}
	return &assist.Tools{Catalog: cat, Registry: s.registry, Params: s.settings.Params, ReadFile: read}
}

func (s *server) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.root, name)
}

// content is a file as the editor has it, or as it is on disk; "" when it cannot
// be read.
func (s *server) content(path string) string {
	for uri, d := range s.documents {
		if pathOf(uri) == path {
			return d.text
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) > maxText {
		return ""
	}
	return string(text)
}

// ---- services

func (s *server) complete(_ context.Context, p *placeParams) (*completionList, error) {
	uri := p.TextDocument.URI
	text := s.text(uri)
	c := s.tools(uri).Complete(pathOf(uri), text, offsetOf(text, p.Position))
	out := &completionList{IsIncomplete: true, Items: []completionItem{}}
	for i, item := range c.Items {
		out.Items = append(out.Items, completionItem{
			Label: strings.Trim(item.Label, "'"), Kind: itemKinds[item.Kind], Detail: item.Detail, Documentation: item.Doc,
			SortText: fmt.Sprintf("%04d", i), FilterText: item.Label, TextEdit: textEdit{rangeOf(text, c.Span), item.Label},
		})
	}
	return out, nil
}

func (s *server) subject(p *placeParams) (text string, subject *assist.Subject) {
	uri := p.TextDocument.URI
	text = s.text(uri)
	return text, s.tools(uri).Subject(pathOf(uri), text, offsetOf(text, p.Position))
}

func (s *server) hover(_ context.Context, p *placeParams) (*hover, error) {
	text, subject := s.subject(p)
	if subject == nil {
		return nil, nil
	}
	return &hover{markup{"markdown", strings.TrimSpace("```sql\n" + subject.Title + "\n```\n\n" + subject.Doc)}, rangeOf(text, subject.Span)}, nil
}

func (s *server) definition(_ context.Context, p *placeParams) (*location, error) {
	_, subject := s.subject(p)
	if subject == nil || subject.Home == nil {
		return nil, nil
	}
	home := location{p.TextDocument.URI, rangeOf(subject.Home.Source, subject.Home.Span)}
	if subject.Home.File != "" {
		home.URI = uriOf(subject.Home.File)
	}
	return &home, nil
}

// format answers with no edit where the text has mistakes, which are told.
func (s *server) format(_ context.Context, p *documentParams) ([]textEdit, error) {
	text := s.text(p.TextDocument.URI)
	out, err := format.Script(text)
	if err != nil || out == text {
		return []textEdit{}, nil //nolint:nilerr // see above
	}
	return []textEdit{{rangeOf(text, diag.Span{End: len(text)}), out}}, nil
}

func (s *server) symbols(_ context.Context, p *documentParams) ([]documentSymbol, error) {
	text := s.text(p.TextDocument.URI)
	out := []documentSymbol{}
	for _, d := range assist.Symbols(text) {
		out = append(out, documentSymbol{d.Name, d.Kind, symbolKinds[d.Kind], rangeOf(text, d.Span), rangeOf(text, d.NameSpan)})
	}
	return out, nil
}

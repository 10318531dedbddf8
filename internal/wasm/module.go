package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/cepd/cepd/internal/expr"
)

// The limits of a module, and what they are where nothing is said.
const (
	MaxModule      = 8 << 20 // bytes of code
	MaxMemory      = 1 << 30 // bytes of memory
	DefaultMemory  = 16 << 20
	DefaultTimeout = 10 * time.Second

	pageSize = 64 << 10
)

// Options of a module.
type Options struct {
	Memory  int64         // bytes an instance may have; 0: DefaultMemory
	Timeout time.Duration // of a call; 0: DefaultTimeout
}

// Module is a compiled module. Its functions may be called from many goroutines: each
// call has an instance to itself.
type Module struct {
	options  Options
	sum      string // SHA-256 of the code
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	free     chan *instance
}

// instance is a module at work.
type instance struct {
	module api.Module
	alloc  api.Function
	at     uint32 // of the frame
	size   uint32
	frame  []byte
}

// Compile checks a module: it imports nothing and exports what cepd needs.
func Compile(code []byte, o Options) (*Module, error) {
	if len(code) > MaxModule {
		return nil, fmt.Errorf("the module has %d bytes, more than %d", len(code), MaxModule)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Memory < pageSize || o.Memory > MaxMemory || o.Timeout < 0 {
		return nil, fmt.Errorf("the memory of a module is %d to %d bytes", pageSize, MaxMemory)
	}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(uint32(o.Memory / pageSize)).WithCloseOnContextDone(true).WithDebugInfoEnabled(false)
	ctx := context.Background()
	m := &Module{options: o, runtime: wazero.NewRuntimeWithConfig(ctx, config), free: make(chan *instance, 2*runtime.GOMAXPROCS(0))}
	sum := sha256.Sum256(code)
	m.sum = hex.EncodeToString(sum[:])
	var err error
	if m.compiled, err = m.runtime.CompileModule(ctx, code); err == nil {
		err = m.check()
	}
	if err != nil {
		_ = m.runtime.Close(ctx) // the error that counts is the first
		return nil, fmt.Errorf("the module cannot be used: %w", err)
	}
	return m, nil
}

// Sum is the SHA-256 of the code, in hexadecimal.
func (m *Module) Sum() string { return m.sum }

func (m *Module) check() error {
	for _, f := range m.compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		return fmt.Errorf("it imports %s.%s: a function sees its arguments alone, no clock, randomness or files; build it for wasm32-unknown-unknown", module, name)
	}
	if len(m.compiled.ImportedMemories()) > 0 {
		return errors.New("it imports its memory, and has to export one of its own")
	}
	if m.compiled.ExportedMemories()["memory"] == nil {
		return errors.New("it exports no memory")
	}
	return m.exports("cepd_alloc", 1)
}

// exports demands a function of some i32, with one as its result.
func (m *Module) exports(name string, params int) error {
	f := m.compiled.ExportedFunctions()[name]
	if f == nil {
		return fmt.Errorf("it exports no function %s", name)
	}
	if !slices.Equal(f.ResultTypes(), []api.ValueType{api.ValueTypeI32}) || !slices.Equal(f.ParamTypes(), slices.Repeat([]api.ValueType{api.ValueTypeI32}, params)) {
		return fmt.Errorf("its function %s has to take %d i32 and give an i32", name, params)
	}
	return nil
}

// take gives an instance to one call.
func (m *Module) take() (*instance, error) {
	select {
	case i := <-m.free:
		return i, nil
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.options.Timeout)
	defer cancel()
	module, err := m.runtime.InstantiateModule(ctx, m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, m.told(ctx, err)
	}
	return &instance{module: module, alloc: module.ExportedFunction("cepd_alloc")}, nil
}

// give takes an instance back after a call that went well.
func (m *Module) give(i *instance) {
	select {
	case m.free <- i:
	default:
		m.drop(i)
	}
}

func (m *Module) drop(i *instance) { _ = i.module.Close(context.Background()) }

// told is a trap, without the stack that comes with it, or that the time is over.
func (m *Module) told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &expr.Fatal{Err: fmt.Errorf("the module has not answered within %s", m.options.Timeout)}
	}
	text := err.Error()
	for i, c := range text {
		if c == '\n' {
			text = text[:i]
			break
		}
	}
	return errors.New(text)
}

// room makes the frame at least n bytes long.
func (m *Module) room(ctx context.Context, i *instance, n uint32) error {
	if n <= i.size {
		return nil
	}
	n = max(n, 2*i.size, 1<<12)
	out, err := i.alloc.Call(ctx, uint64(n))
	if err != nil {
		return m.told(ctx, err)
	}
	at := uint32(out[0])
	if at == 0 || at%8 != 0 || uint64(at)+uint64(n) > uint64(i.module.Memory().Size()) {
		return fmt.Errorf("cepd_alloc has no room for %d bytes", n)
	}
	i.at, i.size = at, n
	return nil
}

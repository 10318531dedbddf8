package engine

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// LimitMemory has Go's collector keep a program of the engine alone below nine tenths of
// the memory there is, unless GOMEMLIMIT says how much: without a limit garbage may be
// as much as all else, which state is budgeted without. It is a limit for the whole
// process, so it is for main to set.
func LimitMemory() {
	if limit := debug.SetMemoryLimit(-1); limit == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit() / 10 * 9)
	}
}

// memoryLimit is how much memory there is for the process, in bytes: what
// GOMEMLIMIT, the control groups or the machine allow, whichever is least.
func memoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1)
	own, _ := os.ReadFile("/proc/self/cgroup") // without control groups there is none
	for _, file := range groupLimits("/sys/fs/cgroup", string(own)) {
		if text, err := os.ReadFile(file); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				limit = min(limit, n)
			}
		}
	}
	limit = min(limit, machineMemory())
	if limit == math.MaxInt64 {
		return 4 << 30
	}
	return limit
}

// groupLimits are the files that may limit the process's memory: of version 2
// (a line 0::/system.slice/cepd.service in own) those of its group and of the
// groups around it, of version 1 the one that a container sees.
func groupLimits(mounted, own string) []string {
	files := []string{filepath.Join(mounted, "memory/memory.limit_in_bytes"), filepath.Join(mounted, "memory.max")}
	for line := range strings.Lines(own) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		for ; ok && group != "" && group != "."; group = filepath.Dir(group) {
			files = append(files, filepath.Join(mounted, group, "memory.max"))
		}
	}
	return files
}

// machineMemory reads Linux' figure; MaxInt64 where there is none.
func machineMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	defer f.Close() //nolint:errcheck // it was read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return math.MaxInt64
}

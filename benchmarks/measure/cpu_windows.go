package measure

import (
	"time"

	"golang.org/x/sys/windows"
)

// CPUTime is the user and system time of the process.
func CPUTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0
	}
	return inHundreds(kernel) + inHundreds(user)
}

// inHundreds is a time that Windows counts in units of 100 ns.
func inHundreds(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}

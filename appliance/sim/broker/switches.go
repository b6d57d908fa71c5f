package broker

import "holdfast/appliance/sim/kit"

// Names of the switches.
const (
	swVersions        = "versions"
	swSupportedToken  = "supportedversions-token"
	swErrorNesting    = "error-nesting"
	swFullStop        = "full-stop"
	swCharset         = "charset"
	swBodyType        = "body-type"
	swRenewalForm     = "renewal-form"
	swRenewalEscape   = "renewal-escape"
	swRenewalType     = "renewal-content-type"
	swRenewalUnknown  = "renewal-unrecognised"
	swRenewalBadToken = "renewal-bad-token"
	swOldToken        = "old-token"
	swTokenLimit      = "token-limit"
	swTokenLimitCode  = "token-limit-status"
	swLoginLockout    = "login-lockout"
	swPasswordChange  = "password-change"
	swRelock          = "relock"
	swLockText        = "lock-text"
	swOwnership       = "ownership"
	swLockAtExpiry    = "lock-at-expiry"
	swForeignLock     = "foreign-lock"
	swEditsAtUnlock   = "edits-at-unlock"
	swEditsAtExpiry   = "edits-at-expiry"
	swRole            = "role"
	swStandbyLock     = "standby-lock"
	swSwitchover      = "tokens-at-switchover"
	swStatusUptime    = "status-uptime"
	swLinkHost        = "link-host"
	swAway            = "away"
	swSaveVerifies    = "save-verifies"
	swVerifySummary   = "verify-summary"
	swAsyncEmpty      = "async-empty"
	swAsyncBegins     = "async-begins"
	swRestoreMissing  = "restore-missing"
	swBackupGz        = "backup-gz"
	swBackupExists    = "backup-exists"
	swFilesShape      = "files-shape"
	swElementType     = "element-type-unknown"
	swElementMissing  = "element-missing"
	swElementTypes    = "element-types"
	swLST             = "lst"
	swKPI             = "kpi"
)

// offered is the value of a switch for a resource that some releases have.
const offered = "offered"

// Switches lists every behaviour of an ECB that the vendor's documents leave open (marked U, or two-voiced, in
// api/ecb.md; the section is named in About). The first value is the default.
func Switches() []kit.Switch {
	return append(append(wireSwitches(), tokenSwitches()...), append(lockSwitches(), resourceSwitches()...)...)
}

// open is one open question: the values that answer it, the default first.
func open(name, about string, values ...string) kit.Switch {
	return kit.Switch{Name: name, About: about, Values: values}
}

func wireSwitches() []kit.Switch {
	return []kit.Switch{
		open(swVersions, "0: which {version} the paths take; the others are answered 404",
			"v1.1+v1.2", "v1.2-only", "v1.0-only", "v1.0+v1.1+v1.2"),
		open(swSupportedToken, "1.4: does supportedversions want a token",
			"needed", "open"),
		open(swErrorNesting, "1.2: errorMessage in the list messages, in an item of that list, or beside it",
			"list", "item", "flat"),
		open(swFullStop, "1.3: do error texts end with a full stop; documented: each as its page prints it",
			"documented", "with", "without"),
		open(swCharset, "1.1: Content-Type of answers with or without a charset",
			"without", "with"),
		open(swBodyType, "1.3: a body of another type than XML",
			"415", "ignored"),
		open(swLinkHost, "5.1: host of poll and page links: what the request named, or the appliance's own address",
			"request", "address"),
		open(swAway, "1.3: how an appliance that is away meets a caller: the connection is closed, or 503",
			"close", "503"),
	}
}

func tokenSwitches() []kit.Switch {
	return []kit.Switch{
		open(swRenewalForm, "2.2: how the token stands in the body; ignored: the answer is an unrelated token",
			"any", "raw", "accessToken", "token", "ignored"),
		open(swRenewalEscape, "2.2: is the value of key=token percent-decoded",
			"decoded", "literal"),
		open(swRenewalType, "2.2: which spelling of the Content-Type a renewal needs",
			"any", "strict-bare", "strict-full"),
		open(swRenewalUnknown, "2.2: a body in no accepted form or of another type: refused, or taken as a plain login",
			"refused", "ignored"),
		open(swRenewalBadToken, "2.2: status for an expired or foreign token in the body",
			"401", "400"),
		open(swOldToken, "2.2: the token that was renewed",
			"revoked", "kept"),
		open(swTokenLimit, "2.3: how many tokens may live: for one user, or in total",
			"none", "user-2", "total-5"),
		open(swTokenLimitCode, "2.3: status beyond the limit",
			"503", "429", "403", "401"),
		open(swLoginLockout, "2.3: is a user shut out for 60 s after three wrong passwords",
			"none", "3-in-60s"),
		open(swPasswordChange, "2.3: what a login is answered before the first password was changed",
			"not-needed", "403", "401"),
	}
}

func lockSwitches() []kit.Switch {
	return []kit.Switch{
		open(swRelock, "3.1: lock by the token that holds it",
			"204", "423"),
		open(swLockText, "3.3: the text of a 423 to lock: locked by another, the text for a free lock, another one, or none",
			"another-user", "no-lock", "other", "empty"),
		open(swOwnership, "3.4: is the owner compared by token or by user name",
			"token", "user"),
		open(swLockAtExpiry, "2.4: the lock of an expired token is freed at once, or by a sweep five seconds later",
			"freed", "swept"),
		open(swForeignLock, "3.6: do editors in the GUI and on the command line set the lock that REST sees",
			"seen", "gui-unseen", "acli-unseen", "unseen"),
		open(swEditsAtUnlock, "3.5: unsaved edits at unlock",
			"kept", "discarded"),
		open(swEditsAtExpiry, "3.5: unsaved edits when the lock ends with its token",
			"kept", "discarded"),
		open(swRole, "6.1: the node's role; out-of-service is printed with spaces",
			"standalone", "active", "standby", "out-of-service"),
		open(swStandbyLock, "9.9: what a standby node answers to lock",
			"423", "403", "503", "204"),
		open(swSwitchover, "2.3: tokens, and the lock with them, when active and standby change places",
			"lost", "kept"),
	}
}

func resourceSwitches() []kit.Switch {
	return []kit.Switch{
		open(swStatusUptime, "6.1: spelling of the uptime in system/status",
			"uptimeSeconds", "upTime", "upTimeSeconds"),
		open(swSaveVerifies, "5: does save verify first and fail where verify would",
			"no", "yes"),
		open(swVerifySummary, "5.3: does a failed verify give details, and under which leaf names",
			"object-field", "name-text", "none"),
		open(swAsyncEmpty, "5.3: asyncstatus before anything asynchronous ran",
			"empty-data", "empty-state", "404"),
		open(swAsyncBegins, "5.3: does asyncstatus show an operation at once, or what was before it at the first look",
			"at-once", "second-look"),
		open(swRestoreMissing, "5.1: where a restore from a file that is not there fails",
			"404", "400", "async-fail"),
		open(swBackupGz, "5.2: is .gz appended to the name of a backup that lacks it",
			"appended", "asis"),
		open(swBackupExists, "5.2: where a backup under a name that exists fails",
			"400", "async-fail"),
		open(swFilesShape, "5.5: the XML of the list of backups",
			"backupFiles-file", "fileList-fileName", "backup-name", "file-flat"),
		open(swElementType, "5.4: status for an element type that the release does not have",
			"400", "404"),
		open(swElementMissing, "5.4: GET of a key that no element has",
			"empty", "404"),
		open(swElementTypes, "5.4: the XML of the list of element types, or there is no such list",
			"elementTypes-elementType", "type-name", "absent"),
		open(swLST, "3.5: is configuration/lst there",
			"absent", offered),
		open(swKPI, "6.5: are statistics/kpiTypes and statistics/kpis there",
			"absent", offered),
	}
}

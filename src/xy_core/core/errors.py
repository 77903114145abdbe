"""Every error that xy-core raises, as one tree.

XyCoreError
 ├─ ConfigError                 the configuration cannot be read or does not fit
 ├─ InputError                  what the user gave cannot be used
 │   ├─ AudioError              not audio, damaged, too long or empty
 │   ├─ MarkupError             speech markup that is not well-formed, or unknown
 │   └─ ImageError              not a picture, damaged, too large or empty
 ├─ MissingExtraError           an optional dependency is not installed
 ├─ ModelError                  something about model files
 │   ├─ UnknownModelError       no such id in the catalogue
 │   ├─ ModelNotInstalledError  known, but not on this machine
 │   ├─ ChecksumError           the bytes are not those that the catalogue names
 │   ├─ DownloadError           no source could deliver
 │   └─ DiskSpaceError          the files would not fit on the disk
 ├─ TaskError                   something about one task
 │   ├─ InvalidTaskError        the task could never run as it was given
 │   ├─ QueueFull               the lane refuses more work for now
 │   ├─ TaskCancelled           cancelled before it could end
 │   ├─ TaskTimeout             its timeout or deadline passed
 │   ├─ WorkerCrashed           the process that ran it died
 │   ├─ WorkerUnavailable       the process that would run it is not there, or keeps dying
 │   └─ DeadLetter              a durable task has failed for good
 ├─ JournalError                the record of durable tasks cannot be used
 ├─ DeviceError                 something about a device
 │   ├─ DeviceMemoryError       more memory is asked for than there will ever be
 │   ├─ OutOfDeviceMemory       its memory ran out while loading or computing
 │   ├─ DeviceLost              it does not answer any more
 │   └─ ModelLoadError          a model could not be brought onto it
 ├─ SchedulerClosed             the scheduler is not running
 ├─ BusError                    something about the event bus
 │   ├─ NoResponder             nobody answers requests on that topic
 │   └─ RequestTimeout          nobody answered in time
 ├─ ModuleError                 something about a module
 │   ├─ UnknownModuleError      no module of that name
 │   ├─ DependencyError         a module's requirements cannot be met
 │   ├─ UnsupportedError        the module's engine cannot do that
 │   └─ ModuleUnavailable       the module failed or is not loaded
 ├─ BackendError                an engine inside a module failed
 │   ├─ SpeechServerError       a speech server refused, broke off, or sent silence
 │   ├─ ContextExceeded         what a language model is to read exceeds its context
 │   └─ RemoteError             a server that does the work is not reached, refuses or breaks off
 └─ Terminated                  the program was asked to end
"""

from __future__ import annotations


class XyCoreError(Exception):
    """Base of all errors of xy-core; the message says what to do next.

    Attributes:
        exit_code: the status with which the command line ends (2: the user can mend it).
    """

    exit_code: int = 1


class ConfigError(XyCoreError):
    """The configuration cannot be read or does not fit its schema."""

    exit_code = 2


class InputError(XyCoreError):
    """What the user gave cannot be used."""

    exit_code = 2


class AudioError(InputError):
    """Not audio, damaged, too long or empty."""


class MarkupError(InputError):
    """Speech markup that is not well-formed, or uses what is not known."""


class ImageError(InputError):
    """Not a picture, damaged, too large or empty."""


class MissingExtraError(XyCoreError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed: run  pip install 'xy-core[{extra}]'  and try again"
        )
        self.package = package
        self.extra = extra


class ModelError(XyCoreError):
    """Something about model files."""

    exit_code = 2


class UnknownModelError(ModelError):
    """No model of that id stands in the catalogue."""


class ModelNotInstalledError(ModelError):
    """The catalogue knows the model, but its files are not on this machine."""

    def __init__(self, model_id: str) -> None:
        super().__init__(
            f"model {model_id!r} is not installed: run  xy-core models pull {model_id}"
        )
        self.model_id = model_id


class ChecksumError(ModelError):
    """The bytes are not those that the catalogue names."""


class DownloadError(ModelError):
    """No source could deliver the file."""


class DiskSpaceError(ModelError):
    """The files would not fit on the disk."""


class TaskError(XyCoreError):
    """Something about one task."""


class InvalidTaskError(TaskError):
    """The task could never run as it was given."""


class QueueFull(TaskError):  # noqa: N818 - the field's name for it
    """The lane refuses more work for now.

    Attributes:
        retry_after: a guess, in seconds, of when a place will be free.
    """

    def __init__(self, lane: str, size: int, retry_after: float) -> None:
        super().__init__(
            f"lane {lane!r} is full ({size} tasks wait): try again in {retry_after:.1f} s"
        )
        self.lane = lane
        self.retry_after = retry_after


class TaskCancelled(TaskError):  # noqa: N818 - as asyncio names it
    """The task was cancelled before it could end."""


class TaskTimeout(TaskError):  # noqa: N818 - a state, not a fault of the program
    """The task's timeout or deadline passed."""


class WorkerCrashed(TaskError):  # noqa: N818 - a state, not a fault of the program
    """The process that ran the task died."""


class DeadLetter(TaskError):  # noqa: N818 - the field's name for it
    """A durable task has failed for good; the journal keeps it until it is requeued or purged.

    Attributes:
        task_id: its number in the journal.
    """

    def __init__(self, task_id: int, name: str, reason: str) -> None:
        super().__init__(
            f"durable task {task_id} ({name}) is a dead letter: {reason} "
            f"(once that is mended:  xy-core tasks requeue {task_id})"
        )
        self.task_id = task_id


class JournalError(XyCoreError):
    """The record of durable and periodic tasks cannot be used, or cannot be written."""

    exit_code = 2


class WorkerUnavailable(TaskError):  # noqa: N818 - a state, not a fault of the program
    """The process that would run the task is not there, or keeps dying."""


class DeviceError(XyCoreError):
    """Something about a device."""


class DeviceMemoryError(DeviceError):
    """More memory is asked for than the device will ever have."""

    exit_code = 2

    def __init__(self, device: str, wanted: int, total: int) -> None:
        super().__init__(
            f"{wanted / 2**20:,.0f} MiB are asked for on device {device!r}, which may use "
            f"{total / 2**20:,.0f} MiB: choose a smaller model or raise the device's budget"
        )


class OutOfDeviceMemory(DeviceError):  # noqa: N818 - the field's name for it
    """The device's memory ran out while loading or computing; backends raise it."""


class DeviceLost(DeviceError):  # noqa: N818 - a state, not a fault of the program
    """The device does not answer any more."""


class ModelLoadError(DeviceError):
    """A model could not be brought onto a device.

    Attributes:
        model: its name.
        retry_after: seconds after which another attempt is made.
    """

    def __init__(self, model: str, device: str, cause: Exception, retry_after: float) -> None:
        super().__init__(
            f"model {model!r} could not be loaded on {device!r}: {cause} "
            f"(tried again after {retry_after:.0f} s)"
        )
        self.model = model
        self.retry_after = retry_after


class SchedulerClosed(XyCoreError):  # noqa: N818 - a state, not a fault of the program
    """The scheduler is not running: start it, or stop submitting."""


class BusError(XyCoreError):
    """Something about the event bus."""


class NoResponder(BusError):  # noqa: N818 - a state, not a fault of the program
    """Nobody answers requests on that topic."""


class RequestTimeout(BusError):  # noqa: N818 - a state, not a fault of the program
    """Nobody answered the request in time."""


class ModuleError(XyCoreError):
    """Something about a module."""


class UnknownModuleError(ModuleError):
    """No module of that name is registered."""

    exit_code = 2


class DependencyError(ModuleError):
    """A module's requirements are missing or form a circle."""

    exit_code = 2


class UnsupportedError(ModuleError):
    """The engine that was chosen for a module cannot do what is asked; another may."""

    exit_code = 2


class ModuleUnavailable(ModuleError):  # noqa: N818 - a state, not a fault of the program
    """The module failed or is not loaded.

    Attributes:
        module: its name.
    """

    def __init__(self, module: str, cause: Exception | None) -> None:
        reason = str(cause) if cause is not None else "it is not loaded"
        super().__init__(f"module {module!r} is not available: {reason}")
        self.module = module
        # A missing model file is as mendable by the user here as where it was first noticed.
        self.exit_code = cause.exit_code if isinstance(cause, XyCoreError) else 1


class BackendError(XyCoreError):
    """An engine inside a module failed."""


class SpeechServerError(BackendError):
    """A speech server cannot be reached, refused, broke off, or sent silence for speech."""


class ContextExceeded(BackendError):  # noqa: N818 - a state, not a fault of the program
    """What a language model has to read exceeds its context, even without older turns."""

    exit_code = 2

    def __init__(
        self,
        message: str = "the input is too long for the model's context: shorten it, or raise "
        "llm.context_tokens",
    ) -> None:
        super().__init__(message)


class RemoteError(BackendError):
    """A server that does the work is not reached, refuses or breaks off.

    Attributes:
        status: its HTTP status; None if it gave none.
        retry_after: seconds after which it wants to be asked again; None if it does not say.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Terminated(XyCoreError):  # noqa: N818 - a state, not a fault of the program
    """The program was asked to end by SIGTERM."""

    exit_code = 143


def first_error(error: BaseException) -> BaseException:
    """Return the first error of a group, however deep; an error of its own is returned itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

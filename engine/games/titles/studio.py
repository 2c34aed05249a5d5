"""OBS made ready for one game: a scene of ours that shows just its window, on a canvas of the window's size."""

from typing import Any, Final

from engine.games.titles.capture_obs import ObsCapture
from engine.games.titles.capture_x11 import WindowBox
from engine.games.titles.obs_websocket import ObsClient, ObsConfig, ObsError

SCENE: Final = "Worldloom"
SCREEN: Final = "Worldloom screen"  # the input of ours
SCREEN_KIND: Final = "xshm_input"  # OBS's capture of an X display
CANVAS: Final = ("baseWidth", "baseHeight", "outputWidth", "outputHeight")


class Studio:
    """One connection to OBS, with its own settings put back when it is closed."""

    def __init__(self, config: ObsConfig) -> None:
        """Raises ``ObsError`` where no OBS listens."""
        self.config = config
        self._client = ObsClient(config)
        self.capture = ObsCapture(self._client)
        self._before: tuple[str, dict[str, Any]] | None = None

    def ready(self, display: str, box: WindowBox, least_fps: float) -> None:
        """Show the window and nothing else, in at least ``least_fps`` pictures a second.

        Raises:
            ObsError: OBS records for somebody else, is too slow, or cannot show the window on this platform; says why.
        """
        ask = self._client.request
        scene, canvas = ask("GetCurrentProgramScene")["currentProgramSceneName"], ask("GetVideoSettings")
        self.capture.end_orphan(ours=scene == SCENE)
        fps = float(canvas["fpsNumerator"]) / float(canvas["fpsDenominator"])
        if fps < least_fps:
            raise ObsError(f"OBS records {fps:g} pictures a second, the job asks for {least_fps:g}; raise its frame rate")
        if self._before is None and scene != SCENE:
            self._before = scene, {name: canvas[name] for name in CANVAS}
        self._set_canvas(dict(zip(CANVAS, (box.width, box.height) * 2, strict=True)))
        if SCENE not in [one["sceneName"] for one in ask("GetSceneList")["scenes"]]:
            ask("CreateScene", sceneName=SCENE)
        self._show(display, box)
        ask("SetCurrentProgramScene", sceneName=SCENE)

    def close(self) -> None:
        """End a recording of ours, show what was shown before, and hang up."""
        try:
            self.capture.discard()
            if self._before is not None:
                scene, canvas = self._before
                self._client.request("SetCurrentProgramScene", sceneName=scene)
                self._set_canvas(canvas)
        except ObsError:
            pass  # OBS is gone, and its settings with it
        finally:
            self._client.close()

    def _set_canvas(self, wanted: dict[str, Any]) -> None:
        """Only where it differs: OBS 29 begins its video anew even for what it has, and may then record no pictures."""
        canvas = self._client.request("GetVideoSettings")
        if any(canvas[name] != value for name, value in wanted.items()):
            self._client.request("SetVideoSettings", **wanted)

    def _show(self, display: str, box: WindowBox) -> None:
        """Put the input into the scene, so that the window's upper left corner is the canvas's."""
        ask = self._client.request
        name = self.config.input or SCREEN
        inputs = [one["inputName"] for one in ask("GetInputList")["inputs"]]
        if not self.config.input:
            self._show_screen(display, there=name in inputs)
        elif name not in inputs:
            raise ObsError(f"OBS has no input {name!r}, it has {', '.join(inputs) or 'none'}; set endpoints.titles.obs.input")
        items = {one["sourceName"]: one["sceneItemId"] for one in ask("GetSceneItemList", sceneName=SCENE)["sceneItems"]}
        if name not in items:
            items[name] = ask("CreateSceneItem", sceneName=SCENE, sourceName=name)["sceneItemId"]
        for shown, item in items.items():
            ask("SetSceneItemEnabled", sceneName=SCENE, sceneItemId=item, sceneItemEnabled=shown == name)
        place = (0, 0) if self.config.input else (-box.left, -box.top)
        transform = {"positionX": place[0], "positionY": place[1], "scaleX": 1.0, "scaleY": 1.0}
        ask("SetSceneItemTransform", sceneName=SCENE, sceneItemId=items[name], sceneItemTransform=transform)

    def _show_screen(self, display: str, *, there: bool) -> None:
        """Our own input, on this display."""
        settings = {"advanced": True, "server": display, "show_cursor": False}
        if there:
            self._client.request("SetInputSettings", inputName=SCREEN, inputSettings=settings)
            return
        kinds = self._client.request("GetInputKindList")["inputKinds"]
        if SCREEN_KIND not in kinds:
            raise ObsError(
                f"this OBS cannot capture an X display ({SCREEN_KIND} is none of its inputs); add a game or window capture "
                "in OBS and name it: endpoints.titles.obs.input"
            )
        self._client.request("CreateInput", sceneName=SCENE, inputName=SCREEN, inputKind=SCREEN_KIND, inputSettings=settings)

"""The vocabulary, written once. Read this package first."""

from infra.schema.action import KEYS as KEYS
from infra.schema.action import MOUSE_AXES as MOUSE_AXES
from infra.schema.action import Keyboard as Keyboard
from infra.schema.action import Mouse as Mouse
from infra.schema.action import idle_actions as idle_actions
from infra.schema.action import parse_action as parse_action
from infra.schema.artefact import Bundle as Bundle
from infra.schema.artefact import Checkpoint as Checkpoint
from infra.schema.artefact import EvalScore as EvalScore
from infra.schema.clip import Caption as Caption
from infra.schema.clip import Clip as Clip
from infra.schema.clip import DatasetClip as DatasetClip
from infra.schema.clip import DatasetVersion as DatasetVersion
from infra.schema.episode import Episode as Episode
from infra.schema.episode import Frames as Frames
from infra.schema.episode import frames_from_table as frames_from_table
from infra.schema.episode import frames_to_table as frames_to_table
from infra.schema.segment import TINY_SEGMENTS as TINY_SEGMENTS
from infra.schema.segment import SegmentConfig as SegmentConfig

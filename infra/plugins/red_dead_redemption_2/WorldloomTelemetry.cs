// Telemetry of Red Dead Redemption 2: the gameplay camera of each frame, and its number as squares in the picture.
// Runs in ScriptHookRDR2DotNet 2, in story mode only.
using System;
using RDR2;
using RDR2.Math;
using RDR2.Native;

namespace Worldloom
{
    public sealed class RdrTelemetry : Script
    {
        const float CellWidth = 8f / 1280, CellHeight = 8f / 720; // shares of the screen: recording is at 1280x720

        readonly TelemetryFile file;

        public RdrTelemetry()
        {
            file = new TelemetryFile(
                "red_dead_redemption_2", "ScriptHookRDR2DotNet", System.IO.Path.Combine("scripts", "worldloom.jsonl"));
            Interval = 0; // every frame
            Tick += OnTick;
            Aborted += delegate { file.Dispose(); };
        }

        void OnTick(object sender, EventArgs e)
        {
            var frame = file.Write(See());
            if (frame >= 0) Draw(TelemetryFile.Marker(frame));
        }

        static View See()
        {
            int ped = PLAYER.PLAYER_PED_ID();
            return new View
            {
                Position = Numbers(CAM.GET_GAMEPLAY_CAM_COORD()),
                Rotation = Numbers(CAM.GET_GAMEPLAY_CAM_ROT(2)), // order 2: yaw, pitch, roll
                FieldOfView = CAM.GET_GAMEPLAY_CAM_FOV(),
                State = State(),
                Player = ENTITY.DOES_ENTITY_EXIST(ped) ? Numbers(ENTITY.GET_ENTITY_COORDS(ped, true, true)) : null,
            };
        }

        static string State()
        {
            if (CAM.IS_SCREEN_FADED_OUT()) return "loading";
            if (HUD.IS_PAUSE_MENU_ACTIVE()) return "menu";
            if (!CAM.IS_GAMEPLAY_CAM_RENDERING()) return "cutscene"; // another camera than the one that is read
            return "play";
        }

        // DRAW_RECT takes the rectangle's middle and size in shares of the screen.
        static void Draw(bool[] cells)
        {
            for (var i = 0; i < cells.Length; i++)
            {
                var level = cells[i] ? 255 : 0;
                GRAPHICS.DRAW_RECT(
                    (i + 0.5f) * CellWidth, CellHeight / 2, CellWidth, CellHeight, level, level, level, 255, false, false);
            }
        }

        static double[] Numbers(Vector3 vector)
        {
            return new double[] { vector.X, vector.Y, vector.Z };
        }
    }
}

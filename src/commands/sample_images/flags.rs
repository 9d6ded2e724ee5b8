//! Flags that a few stripes make, some with a cross or a disc on them; drawn about as their countries' laws have them.

/// A flag.
pub struct Flag {
    /// What the model that comes with the program calls it.
    pub label: &'static str,
    /// Whether its stripes run from the top down.
    is_upright: bool,
    /// Their colours (0xRRGGBB). All are equally wide: a wider stripe is several of one colour.
    stripes: &'static [u32],
    charge: Charge,
}

/// What stands on the stripes.
enum Charge {
    Nothing,
    /// Middle, as parts of the width and of the height; radius, as a part of the height; colour.
    Disc(f64, f64, f64, u32),
    /// A Nordic cross: its colour, and that of a narrower cross on it.
    Cross(u32, u32),
}

const fn on(label: &'static str, stripes: &'static [u32], charge: Charge) -> Flag {
    Flag { label, is_upright: false, stripes, charge }
}

const fn across(label: &'static str, stripes: &'static [u32]) -> Flag {
    on(label, stripes, Charge::Nothing)
}

const fn down(label: &'static str, stripes: &'static [u32]) -> Flag {
    Flag { is_upright: true, ..across(label, stripes) }
}

const BLACK: u32 = 0x0000_0000;
const WHITE: u32 = 0x00FF_FFFF;

/// All of them.
pub const FLAGS: &[Flag] = &[
    across("Armenia", &[0xD9_0012, 0x00_33A0, 0xF2_A800]),
    across("Austria", &[0xC8_102E, WHITE, 0xC8_102E]),
    across("Bulgaria", &[WHITE, 0x00_966E, 0xD6_2612]),
    across("Colombia", &[0xFF_CD00, 0xFF_CD00, 0x00_3087, 0xC8_102E]),
    across("Estonia", &[0x00_72CE, BLACK, WHITE]),
    across("Gabon", &[0x36_A100, 0xFF_E700, 0x00_6DBC]),
    across("Germany", &[BLACK, 0xDD_0000, 0xFF_CE00]),
    across("Hungary", &[0xD4_3516, WHITE, 0x38_8D00]),
    across("Latvia", &[0x9E_3039, 0x9E_3039, WHITE, 0x9E_3039, 0x9E_3039]),
    across("Lithuania", &[0xFD_B913, 0x00_6A44, 0xC1_272D]),
    across("Luxembourg", &[0xEF_3340, WHITE, 0x00_A3E0]),
    across("Mauritius", &[0xEA_2839, 0x1A_206D, 0xFF_D500, 0x00_A551]),
    across("Netherlands", &[0xAE_1C28, WHITE, 0x21_468B]),
    across("Poland", &[WHITE, 0xDC_143C]),
    across("Russia", &[WHITE, 0x00_39A6, 0xD5_2B1E]),
    across("Sierra Leone", &[0x00_CD00, WHITE, 0x00_00CD]),
    across("Thailand", &[0xA5_1931, 0xF4_F5F8, 0x2D_2A4A, 0x2D_2A4A, 0xF4_F5F8, 0xA5_1931]),
    across("Ukraine", &[0x00_57B7, 0xFF_D700]),
    across("Yemen", &[0xF1_0600, WHITE, BLACK]),
    down("Belgium", &[BLACK, 0xFD_DA24, 0xEF_3340]),
    down("Chad or Romania", &[0x00_2B7F, 0xFC_D116, 0xCE_1126]),
    down("France", &[0x00_0091, WHITE, 0xE1_000F]),
    down("Guinea", &[0xCE_1126, 0xFC_D116, 0x00_9460]),
    down("Ireland", &[0x16_9B62, WHITE, 0xFF_883E]),
    down("Italy", &[0x00_9246, WHITE, 0xCE_2B37]),
    down("Ivory Coast", &[0xF7_7F00, WHITE, 0x00_9E60]),
    down("Mali", &[0x14_B53A, 0xFC_D116, 0xCE_1126]),
    down("Nigeria", &[0x00_8751, WHITE, 0x00_8751]),
    down("Peru", &[0xD9_1023, WHITE, 0xD9_1023]),
    on("Bangladesh", &[0x00_6A4E], Charge::Disc(0.45, 0.5, 1.0 / 3.0, 0xF4_2A41)),
    on("Japan", &[WHITE], Charge::Disc(0.5, 0.5, 0.3, 0xBC_002D)),
    on("Laos", &[0xCE_1126, 0x00_2868, 0x00_2868, 0xCE_1126], Charge::Disc(0.5, 0.5, 0.2, WHITE)),
    on("Niger", &[0xE0_5206, WHITE, 0x0D_B02B], Charge::Disc(0.5, 0.5, 0.14, 0xE0_5206)),
    on("Palau", &[0x4A_ADD6], Charge::Disc(0.45, 0.5, 0.3, 0xFF_DE00)),
    on("Denmark", &[0xC8_102E], Charge::Cross(WHITE, WHITE)),
    on("Finland", &[WHITE], Charge::Cross(0x00_2F6C, 0x00_2F6C)),
    on("Iceland", &[0x02_529C], Charge::Cross(WHITE, 0xDC_1E35)),
    on("Norway", &[0xBA_0C2F], Charge::Cross(WHITE, 0x00_205B)),
    on("Sweden", &[0x00_6AA7], Charge::Cross(0xFE_CC02, 0xFE_CC02)),
];

impl Flag {
    /// The colour at a place, in parts of the width and of the height, on a flag that is so many times as wide as high.
    pub fn at(&self, (x, y): (f64, f64), shape: f64) -> u32 {
        let along = if self.is_upright { x } else { y };
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // A few stripes.
        let stripe = (along * self.stripes.len() as f64) as usize;
        let ground = self.stripes[stripe.min(self.stripes.len() - 1)];
        match self.charge {
            Charge::Disc(middle, height, radius, colour)
                if libm::hypot((x - middle) * shape, y - height) < radius =>
            {
                colour
            }
            Charge::Cross(outer, inner) => match ((x - 0.36).abs() * shape).min((y - 0.5).abs()) {
                near if near < 0.06 => inner,
                near if near < 0.12 => outer,
                _ => ground,
            },
            Charge::Disc(..) | Charge::Nothing => ground,
        }
    }
}
